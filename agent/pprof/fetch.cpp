#include "agent/pprof/fetch.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include "net/event_loop.h"

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr std::size_t transfers_max = 128;
constexpr std::size_t told_body_bytes_max = 300;
constexpr std::chrono::milliseconds progress_after{1000};
constexpr std::chrono::milliseconds progress_every{500};

std::string_view header(const net::HttpResponse& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& it) { return it.first == name; });
  return found == response.headers.end() ? std::string_view() : found->second;
}

/// The error of an exchange as the user of these flags reads it: without the URL, which is told by
/// whoever tells the error, and with the flags' names.
base::Error told(base::Error error, const Source& source) {
  std::string& message = error.message;
  for (const std::string& name : {source.asked_by_net, source.shown}) {
    const std::string prefix = name + ": ";
    if (message.starts_with(prefix)) {
      message.erase(0, prefix.size());
    }
  }
  if (error.kind == ErrorKind::limit && message.find("max_body_size") != std::string::npos) {
    message = "more than " + std::to_string(source.request.body_bytes_max) +
              " bytes; raise -profile_bytes_max if such a profile is expected";
  }
  for (const std::string_view timeout : {"(total_timeout)", "(connect_timeout)"}) {
    const std::size_t at = message.find(timeout);
    if (at != std::string::npos) {
      message.replace(at, timeout.size(), "(-timeout)");
    }
  }
  return error;
}

Result<std::string> body_of(net::HttpResult result, const Source& source) {
  if (!result) {
    return tl::unexpected(told(std::move(result.error()), source));
  }
  if (result->status == 200) {
    return std::move(result->body);
  }
  std::string message = "server response: " + net::status_text(result->status);
  if (!header(*result, "x-go-pprof").empty() &&
      header(*result, "content-type").starts_with("text/plain")) {
    std::string why = result->body.substr(0, told_body_bytes_max);
    while (!why.empty() && (why.back() == '\n' || why.back() == '\r')) {
      why.pop_back();
    }
    // A server's words must not steer the terminal.
    for (char& c : why) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        c = ' ';
      }
    }
    message += " - " + why;
  }
  return fail(ErrorKind::refused, std::move(message));
}

/// One line on a terminal that says how long it has taken so far.
class Progress {
 public:
  Progress(net::EventLoop& loop, std::size_t count, std::chrono::seconds duration,
           std::ostream& err)
      : loop_(loop), count_(count), duration_(duration), err_(err) {
    timer_ = loop_.at(began_ + progress_after, [this] { show(); });
  }
  void one_done() { ++done_; }
  void finish() {
    loop_.cancel(timer_);
    if (is_shown_) {
      err_ << "\r\033[K" << std::flush;
    }
  }

 private:
  void show() {
    const auto now = Clock::now();
    const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - began_);
    err_ << "\r\033[K";  // by itself, or it would be made printable
    err_ << "  " << go_duration(passed);
    if (duration_.count() > 0) {
      err_ << " of " << go_duration(duration_);
    }
    if (count_ > 1) {
      err_ << ", " << done_ << " of " << count_ << " profiles fetched";
    }
    err_ << std::flush;
    is_shown_ = true;
    timer_ = loop_.at(now + progress_every, [this] { show(); });
  }

  net::EventLoop& loop_;
  std::size_t count_;
  std::chrono::seconds duration_;
  std::ostream& err_;
  Clock::time_point began_ = Clock::now();
  net::EventLoop::TimerId timer_{};
  std::size_t done_ = 0;
  bool is_shown_ = false;
};

}  // namespace

bool is_execution_trace(std::string_view bytes) {
  constexpr std::size_t head_bytes = 16;
  return bytes.starts_with("go 1.") && bytes.substr(0, head_bytes).find(" trace") != bytes.npos;
}

std::vector<Result<std::string>> fetch_sources(std::vector<Source> sources,
                                               const FetchOptions& options, std::ostream& err) {
  std::vector<Result<std::string>> bodies(sources.size());
  if (sources.empty()) {
    return bodies;
  }
  auto loop = net::EventLoop::create(
      {.transfers_max = transfers_max, .idle_connections_max = transfers_max});
  if (!loop) {
    std::fill(bodies.begin(), bodies.end(), tl::unexpected(loop.error()));
    return bodies;
  }
  std::chrono::seconds longest{0};
  for (const Source& source : sources) {
    longest = std::max(longest, source.duration);
  }
  std::optional<Progress> progress;
  if (options.is_terminal) {
    progress.emplace(**loop, sources.size(), longest, err);
  }
  std::size_t left = sources.size();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    auto request = std::make_shared<const net::HttpRequest>(sources[i].request);
    (*loop)->fetch(std::move(request), [&, i](net::HttpResult result) {
      bodies[i] = body_of(std::move(result), sources[i]);
      if (progress) {
        progress->one_done();
      }
      if (--left == 0) {
        (*loop)->stop();
      }
    });
  }
  (*loop)->run();
  if (progress) {
    progress->finish();
  }
  return bodies;
}

std::vector<Result<std::string>> fetch_profiles(std::span<const pprof::FetchRequest> asked,
                                                const TransportFlags& flags,
                                                const FetchOptions& options, std::ostream& err) {
  std::vector<Result<std::string>> bodies(asked.size());
  std::vector<Source> sources;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto source = parse_source(asked[i], flags);
    if (!source) {
      bodies[i] = tl::unexpected(source.error());
      continue;
    }
    if (!options.is_quiet) {
      err << "Fetching profile over HTTP from " << source->shown << "\n";
      if (asked[i].seconds > 0) {
        err << "Please wait... (" << go_duration(std::chrono::seconds(asked[i].seconds)) << ")\n";
      }
    }
    sources.push_back(std::move(*source));
    places.push_back(i);
  }
  auto fetched = fetch_sources(std::move(sources), options, err);
  for (std::size_t i = 0; i < places.size(); ++i) {
    bodies[places[i]] = std::move(fetched[i]);
  }
  return bodies;
}

}  // namespace heapwatch::agent
