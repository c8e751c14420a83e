#include "discovery/kubernetes_stream.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "net/stream_filter.h"

namespace heapwatch::discovery {

namespace {

constexpr std::size_t pods_of_a_part = 250;
constexpr std::size_t part_bytes_max = std::size_t{256} * 1024 * 1024;
constexpr std::size_t watch_bytes_max = std::size_t{16} * 1024 * 1024 * 1024;
constexpr std::size_t line_bytes_max = std::size_t{8} * 1024 * 1024;
constexpr int gone = 410;
constexpr std::chrono::seconds list_timeout{60};
constexpr std::chrono::seconds watch_grace{30};

std::string encoded_part(std::string_view text) {
  return base::percent_encoded(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~").find(c) != std::string_view::npos;
  });
}

}  // namespace

/// Cuts a stream into lines and keeps none of it.
class PodStream::Lines final : public net::StreamFilter {
 public:
  explicit Lines(PodStream& stream) : stream_(stream), is_there_(stream.is_there_) {}

  void begin() override { line_.clear(); }
  void take(std::string_view bytes, std::string& /*kept*/) override {
    while (*is_there_ && !is_broken_ && !bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      is_broken_ = line_.size() + part.size() > line_bytes_max;
      if (is_broken_) {
        stream_.trouble_ = stream_.options_.url + ": a change of more than " +
                           std::to_string(line_bytes_max) + " bytes";
        stream_.is_gone_ = true;
        break;
      }
      line_ += part;
      if (end == std::string_view::npos) {
        break;
      }
      if (!base::trimmed(line_).empty()) {
        is_broken_ = !stream_.take(line_);
      }
      line_.clear();
      bytes.remove_prefix(end + 1);
    }
  }

 private:
  PodStream& stream_;
  std::shared_ptr<const bool> is_there_;
  std::string line_;
  bool is_broken_ = false;  // what follows is passed over
};

PodStream::PodStream(PodStreamOptions options, net::EventLoop& loop, std::function<void()> changed)
    : options_(std::move(options)),
      loop_(loop),
      changed_(std::move(changed)),
      pause_(options_.pause_min) {}

PodStream::~PodStream() {
  *is_there_ = false;
}

net::HttpRequestPtr PodStream::request(const std::string& more,
                                       std::chrono::milliseconds total) const {
  net::HttpRequest request = options_.request;
  request.url = options_.url + "?" + options_.query + (options_.query.empty() ? "" : "&") + more;
  request.total_timeout = total;
  request.read_timeout = total;
  return std::make_shared<const net::HttpRequest>(std::move(request));
}

void PodStream::list() {
  std::string more = "limit=" + std::to_string(pods_of_a_part);
  if (!rest_.empty()) {
    more += "&continue=" + encoded_part(rest_);
  }
  auto asked = std::make_shared<net::HttpRequest>(*request(more, list_timeout));
  asked->body_bytes_max = part_bytes_max;
  loop_.fetch(std::move(asked), [this, is_there = is_there_](const net::HttpResult& result) {
    if (*is_there) {
      listed(result);
    }
  });
}

void PodStream::listed(const net::HttpResult& result) {
  if (!result) {
    fail(result.error().message, false);
    return;
  }
  if (result->status != 200) {
    // Also of a part, when the list was begun too long ago: it begins anew.
    rest_.clear();
    coming_.clear();
    fail(options_.url + ": answered " + net::status_text(result->status), false);
    return;
  }
  auto part = parse_pod_list(result->body);
  if (!part) {
    fail(options_.url + ": " + part.error().message, false);
    return;
  }
  std::size_t targets = 0;
  for (Pod& pod : part->pods) {
    coming_[pod.key] = std::move(pod.targets);
  }
  for (const auto& [key, groups] : coming_) {
    targets += groups.size();
  }
  if (targets > options_.targets_max) {
    coming_.clear();
    rest_.clear();
    fail(options_.url + ": more than " + std::to_string(options_.targets_max) +
             " targets, which is the limit of max_targets",
         false);
    return;
  }
  rest_ = part->rest;
  if (!rest_.empty()) {
    list();
    return;
  }
  version_ = part->version;
  pods_ = std::exchange(coming_, {});
  has_listed_ = true;
  trouble_.clear();
  pause_ = options_.pause_min;
  changed_();
  watch();
}

void PodStream::watch() {
  is_gone_ = false;
  auto asked = std::make_shared<net::HttpRequest>(
      *request("watch=1&allowWatchBookmarks=true&resourceVersion=" + encoded_part(version_) +
                   "&timeoutSeconds=" + std::to_string(options_.watch_for.count()),
               options_.watch_for + watch_grace));
  asked->body_bytes_max = watch_bytes_max;
  loop_.fetch(
      std::move(asked),
      [this, is_there = is_there_](const net::HttpResult& result) {
        if (*is_there) {
          watched(result);
        }
      },
      std::make_shared<Lines>(*this));
}

/// False: the rest of the stream says nothing.
bool PodStream::take(std::string_view line) {
  auto event = parse_pod_event(line);
  if (!event) {
    trouble_ = options_.url + ": " + event.error().message;
    is_gone_ = true;  // what it would have said is not known
    return false;
  }
  if (event->kind == PodEvent::Kind::error) {
    is_gone_ = true;
    trouble_ = event->code == gone ? std::string() : options_.url + ": " + event->message;
    return false;
  }
  if (!event->version.empty()) {
    version_ = event->version;
  }
  pause_ = options_.pause_min;
  if (event->kind == PodEvent::Kind::bookmark) {
    return true;
  }
  if (event->kind == PodEvent::Kind::removed) {
    if (pods_.erase(event->pod.key) != 0) {
      changed_();
    }
    return true;
  }
  const auto found = pods_.find(event->pod.key);
  if (found == pods_.end() || found->second != event->pod.targets) {
    pods_[event->pod.key] = std::move(event->pod.targets);
    changed_();
  }
  return true;
}

void PodStream::watched(const net::HttpResult& result) {
  if (is_gone_) {
    // At once where the version was too old: that is how it goes on.
    if (trouble_.empty()) {
      list();
    } else {
      fail(std::exchange(trouble_, {}), true);
    }
    return;
  }
  if (!result) {
    fail(result.error().message, false);
    return;
  }
  if (result->status == gone) {
    list();
    return;
  }
  if (result->status != 200) {
    fail(options_.url + ": answered " + net::status_text(result->status), false);
    return;
  }
  const bool was_trouble = !std::exchange(trouble_, {}).empty();
  if (was_trouble) {
    changed_();
  }
  // A watch that ends at once, again and again, is not asked for in a circle.
  loop_.at(std::chrono::steady_clock::now() + options_.pause_min / 4, [this, is_there = is_there_] {
    if (*is_there) {
      watch();
    }
  });
}

void PodStream::fail(std::string trouble, bool lists_anew) {
  const bool is_new = trouble != trouble_;
  trouble_ = std::move(trouble);
  const auto when = std::chrono::steady_clock::now() + pause_;
  pause_ = std::min(2 * pause_, options_.pause_max);
  const bool lists = lists_anew || !has_listed_;
  loop_.at(when, [this, lists, is_there = is_there_] {
    if (!*is_there) {
      return;
    }
    if (lists || !rest_.empty()) {
      list();
    } else {
      watch();
    }
  });
  if (is_new) {
    changed_();
  }
}

}  // namespace heapwatch::discovery
