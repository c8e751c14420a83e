#include <chrono>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "base/number.h"
#include "base/printable.h"
#include "check/target_url.h"
#include "expvar/query.h"
#include "net/page.h"
#include "net/target.h"

namespace heapwatch::agent::commands {

namespace {

using expvar::Path;
using expvar::QueryMatch;
using Matches = std::vector<QueryMatch>;

base::Result<net::HttpRequest> request_for(const std::string& url) {
  const auto target = check::parse_target_url(net::with_scheme(url));
  if (!target) {
    return tl::unexpected(target.error());
  }
  net::HttpRequest request;
  check::aim(request, *target);
  return request;
}

base::Result<Matches> read_page(const net::HttpRequest& request, const Path& path) {
  const auto page = net::fetch_page(request);
  if (!page) {
    return tl::unexpected(page.error());
  }
  return expvar::query(*page, path);
}

/// One value alone prints bare, like jq; several print with their paths.
void print(const Matches& matches) {
  for (const QueryMatch& match : matches) {
    std::cout << (matches.size() == 1 ? std::string{} : base::printable(match.path) + " ")
              << match.json << '\n';
  }
}

std::string change_per_second(const base::Number& before, const base::Number& now,
                              std::chrono::duration<double> apart) {
  const double change = (now - before).to_double() / apart.count();
  std::ostringstream text;
  text.setf(std::ios::fixed | std::ios::showpos);
  text.precision(1);
  text << change;
  return text.str() + "/s";
}

/// Prints the numbers of one page, and how each changed since the page before.
void print_change(const Matches& matches, std::map<std::string, base::Number>& before,
                  std::chrono::duration<double> apart) {
  for (const QueryMatch& match : matches) {
    const auto number = base::parse_number(match.json);
    if (!number) {
      continue;
    }
    std::cout << base::printable(match.path) << ' ' << match.json;
    if (const auto known = before.find(match.path); known != before.end()) {
      std::cout << ' ' << change_per_second(known->second, *number, apart);
    }
    std::cout << '\n';
    before[match.path] = *number;
  }
  std::cout << std::flush;
}

}  // namespace

int show_vars(const VarsOptions& options) {
  const auto request = request_for(options.url);
  if (!request) {
    return fail_with(request.error().message);
  }
  const base::Result<Path> path = options.path.empty() ? Path{} : expvar::parse_path(options.path);
  if (!path) {
    return fail_with(path.error().message);
  }
  std::map<std::string, base::Number> before;
  auto last = std::chrono::steady_clock::now();
  for (int read = 0; options.count == 0 || read < options.count; ++read) {
    const auto matches = read_page(*request, *path);
    if (!matches) {
      return fail_with(matches.error().message);
    }
    if (!options.watch) {
      print(*matches);
      return 0;
    }
    const auto now = std::chrono::steady_clock::now();
    print_change(*matches, before, now - last);
    last = now;
    if (options.count == 0 || read + 1 < options.count) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options.interval_ms));
    }
  }
  return 0;
}

}  // namespace heapwatch::agent::commands
