#include "agent/commands/leak_target.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "check/target_url.h"
#include "memory/process/find.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::string_view vars_path = "/debug/vars";
constexpr std::size_t targets_max = 100;

/// It has a scheme, or a port behind its host.
bool is_url(const std::string& text) {
  if (text.find("://") != std::string::npos) {
    return true;
  }
  const std::size_t colon = text.find(':');
  return colon != std::string::npos && colon > 0 && colon + 1 < text.size() &&
         text.find_first_not_of("0123456789", colon + 1) == text.find('/', colon) &&
         text.find(' ') == std::string::npos;
}

/// Without the path, which is any page of the program: of Go's pages all are looked at.
std::string without_page(std::string text) {
  if (text.find("://") == std::string::npos) {
    text = "http://" + text;
  }
  const std::size_t page = text.find("/debug/");
  if (page != std::string::npos) {
    text.erase(page);
  }
  while (text.ends_with('/') && !text.ends_with("://")) {
    text.pop_back();
  }
  return text;
}

/// The port of a URL of this machine; 0: of another one, or a socket.
unsigned local_port(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (!url.starts_with("http") || begin == std::string::npos) {
    return 0;
  }
  const std::string authority = url.substr(begin + 3, url.find('/', begin + 3) - begin - 3);
  const std::size_t colon = authority.rfind(':');
  const std::string host = authority.substr(0, colon);
  if (colon == std::string::npos ||
      (host != "localhost" && host != "[::1]" && !host.starts_with("127."))) {
    return 0;
  }
  unsigned port = 0;
  std::from_chars(authority.data() + colon + 1, authority.data() + authority.size(), port);
  return port <= 65535 ? port : 0;
}

base::Result<LeakTarget> target_of_url(const std::string& text) {
  const std::string base = without_page(text);
  const auto parsed = check::parse_target_url(base + std::string(vars_path));
  if (!parsed) {
    return tl::unexpected(parsed.error());
  }
  LeakTarget target;
  target.request.emplace();
  check::aim(*target.request, *parsed);
  target.url = parsed->shown;
  if (target.url.ends_with(vars_path)) {
    target.url.erase(target.url.size() - vars_path.size());
  }
  if (const unsigned port = local_port(parsed->url); port != 0) {
    const auto listeners = memory::process::find_listeners(port);
    if (listeners && listeners->size() == 1) {
      target.pid = listeners->front().pid;
      target.command = listeners->front().command;
    }
  }
  return target;
}

void add(std::vector<LeakTarget>& targets, LeakTarget target, bool is_behind_pid) {
  const auto same = std::find_if(targets.begin(), targets.end(), [&](const LeakTarget& one) {
    return target.pid && one.pid == target.pid;
  });
  LeakTarget* known = same == targets.end() ? nullptr : &*same;
  if (known == nullptr && !target.pid && is_behind_pid) {
    known = &targets.back();
  }
  if (known == nullptr) {
    targets.push_back(std::move(target));
  } else if (target.request) {
    known->request = std::move(target.request);
    known->url = std::move(target.url);
  }
}

}  // namespace

net::HttpRequest page_of(const net::HttpRequest& vars, const std::string& path) {
  net::HttpRequest request = vars;
  const std::size_t at = request.url.find(vars_path);
  if (at != std::string::npos) {
    request.url.erase(at);
  }
  request.url += path;
  request.shown_as.clear();
  return request;
}

base::Result<std::vector<LeakTarget>> leak_targets(const std::vector<std::string>& texts) {
  std::vector<LeakTarget> targets;
  for (const std::string& text : texts) {
    if (is_url(text)) {
      auto target = target_of_url(text);
      if (!target) {
        return tl::unexpected(target.error());
      }
      // The process that listens may be hidden from us, or in another network namespace.
      const bool is_behind_pid = targets.size() == 1 && texts.size() == 2 && !targets[0].request;
      add(targets, *std::move(target), is_behind_pid);
      continue;
    }
    const auto found = memory::process::find_processes(text);
    if (!found) {
      return tl::unexpected(found.error());
    }
    for (const memory::process::Entry& entry : *found) {
      add(targets, {.pid = entry.pid, .command = entry.command}, false);
    }
  }
  if (targets.size() > targets_max) {
    return base::fail(base::ErrorKind::limit, std::to_string(targets.size()) +
                                                  " processes are meant; at most " +
                                                  std::to_string(targets_max) + " are watched");
  }
  return targets;
}

}  // namespace heapwatch::agent::commands
