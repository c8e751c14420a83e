#include "agent/commands/memory_targets.h"

#include <algorithm>
#include <string>

#include "base/loopback.h"
#include "memory/go_counters.h"
#include "net/page.h"
#include "net/target.h"

namespace heapwatch::agent::commands {

namespace {

using base::ErrorKind;
using memory::process::Entry;

/// Without an argument so many processes are shown, the largest.
constexpr std::size_t listed_max = 20;

/// A person waits.
constexpr std::chrono::milliseconds page_timeout{5000};
/// For an answer that nobody asked for.
constexpr std::chrono::milliseconds own_page_timeout{500};

constexpr std::string_view expvars = "/debug/vars";
constexpr std::string_view heap_profile = "/debug/pprof/heap?debug=1";

bool is_of_this_machine(const std::string& host) {
  return base::is_loopback(host) || host == "0.0.0.0";
}

std::string listed(const std::vector<Entry>& entries) {
  std::string pids;
  for (const Entry& entry : entries) {
    pids += (pids.empty() ? "" : ", ") + std::to_string(entry.pid);
  }
  return pids;
}

void set_timeout(net::HttpRequest& request, std::chrono::milliseconds timeout) {
  request.connect_timeout = timeout;
  request.read_timeout = timeout;
  request.total_timeout = timeout;
}

/// `pid` is whose page it is; 0: that is to be found.
base::Result<GoPage> page_of(const std::string& text, int pid) {
  const auto target = check::parse_target_url(net::with_scheme(text));
  if (!target) {
    return base::fail(target.error().kind, "--url " + target.error().message);
  }
  if (pid == 0) {
    const auto found = process_at(*target);
    if (!found) {
      return tl::unexpected(found.error());
    }
    pid = found->pid;
  }
  GoPage page{.request = {}, .pid = pid};
  check::aim(page.request, *target);
  set_timeout(page.request, page_timeout);
  page.request.follow_redirects = false;  // to who knows whom
  page.request.body_bytes_max = memory::counters_page_bytes_max;
  return page;
}

/// A program that serves no expvars may serve profiles: the text of its heap's ends with the same
/// counters.
base::Result<memory::GoCounters> counters_at(const net::HttpRequest& request) {
  const auto page = net::fetch_page(request);
  if (page) {
    return memory::parse_go_counters(*page);
  }
  if (page.error().kind == ErrorKind::refused && request.url.ends_with(expvars)) {
    net::HttpRequest other = request;
    other.url.replace(other.url.size() - expvars.size(), expvars.size(), heap_profile);
    if (const auto profile = net::fetch_page(other)) {
      return memory::parse_go_counters(*profile);
    }
  }
  return tl::unexpected(page.error());
}

bool is_http_url(std::string_view target) {
  return target.starts_with("http://") || target.starts_with("https://");
}

}  // namespace

base::Result<Entry> process_at(const check::TargetUrl& target) {
  const check::UrlAddress address = check::address_of(target.url);
  const auto refused = [&](const std::string& why) {
    return base::fail(ErrorKind::invalid, target.shown + ": " + why);
  };
  if (!target.unix_socket.empty() || address.port == 0) {
    return refused("a process is found by the TCP port of its URL, and this has none; name it too");
  }
  if (!is_of_this_machine(address.host)) {
    return refused("a process is found by a URL of localhost, not of " + address.host +
                   "; name it too");
  }
  const auto found = memory::process::find_listeners(address.port);
  if (!found) {
    return base::fail(found.error().kind, target.shown + ": " + found.error().message);
  }
  if (found->size() > 1) {
    return refused(std::to_string(found->size()) +
                   " processes listen there, and which of them answers is not known; name one of "
                   "them too: " +
                   listed(*found));
  }
  return found->front();
}

base::Result<MemoryTargets> memory_targets(const MemoryOptions& options) {
  MemoryTargets targets;
  std::string url = options.url;
  const auto add = [&targets](int pid) {
    if (std::find(targets.pids.begin(), targets.pids.end(), pid) == targets.pids.end()) {
      targets.pids.push_back(pid);
    }
  };
  const auto add_all = [&add](const base::Result<std::vector<Entry>>& found) {
    for (const Entry& entry : found ? *found : std::vector<Entry>{}) {
      add(entry.pid);
    }
    return found.map([](const auto&) {});
  };
  for (const std::string& target : options.targets) {
    if (is_http_url(target)) {
      if (!url.empty()) {
        return base::fail(
            ErrorKind::invalid,
            "one URL is asked for its counters, and these are two: " + url + " and " + target);
      }
      url = target;
      continue;
    }
    if (auto found = add_all(memory::process::find_processes(target)); !found) {
      return tl::unexpected(found.error());
    }
  }
  if (options.port != 0) {
    if (auto found = add_all(memory::process::find_listeners(options.port)); !found) {
      return tl::unexpected(found.error());
    }
  }
  if (!url.empty()) {
    const bool is_beside = !options.url.empty() && targets.pids.size() == 1;
    auto page = page_of(url, is_beside ? targets.pids.front() : 0);
    if (!page) {
      return tl::unexpected(page.error());
    }
    add(page->pid);
    targets.page = *std::move(page);
  }
  targets.is_listing = options.targets.empty() && options.port == 0 && options.url.empty();
  if (targets.is_listing) {
    auto all = memory::process::list_processes();
    all.resize(std::min(all.size(), listed_max));
    (void)add_all(std::move(all));
  }
  return targets;
}

void ask_go(const GoPage& page, memory::Survey& survey) {
  const auto counters = counters_at(page.request);
  if (counters) {
    memory::add_go_counters(survey, *counters);
  } else {
    survey.missing.push_back({"its expvars", counters.error().message, ""});
  }
}

void ask_go_by_itself(memory::Survey& survey) {
  if (!memory::has_go(survey)) {
    return;
  }
  for (const std::string& address : memory::process::loopback_listeners(survey.pid)) {
    auto page = page_of(address, survey.pid);
    if (!page) {
      continue;
    }
    set_timeout(page->request, own_page_timeout);
    const auto body = net::fetch_page(page->request);
    if (!body || !memory::is_page_of(*body, survey.command_line)) {
      continue;
    }
    if (const auto counters = memory::parse_go_counters(*body)) {
      memory::add_go_counters(survey, *counters);
      return;
    }
  }
}

}  // namespace heapwatch::agent::commands
