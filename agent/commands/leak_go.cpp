#include "agent/commands/leak_go.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>

#include "agent/commands/leak_target.h"
#include "base/number.h"
#include "expvar/query.h"
#include "leak/stacks/grown_stacks.h"
#include "net/page.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::size_t page_bytes_max = std::size_t{64} << 20;
constexpr std::chrono::milliseconds go_page_timeout{20'000};
/// A profile of more goroutines holds up the program too long.
constexpr double goroutines_max = 100'000;

base::Result<std::string> fetched(net::HttpRequest request) {
  request.total_timeout = go_page_timeout;
  request.body_bytes_max = page_bytes_max;
  return net::fetch_page(request);
}

/// The numbers of memstats by name.
using Numbers = std::map<std::string, double>;

Numbers numbers_of_vars(const std::string& page) {
  Numbers numbers;
  const auto path = expvar::parse_path("memstats/.*");
  const auto matches = path ? expvar::query(page, *path) : tl::unexpected(path.error());
  if (matches) {
    for (const expvar::QueryMatch& match : *matches) {
      if (const auto number = base::parse_number(match.json)) {
        numbers[match.path.substr(match.path.rfind('/') + 1)] = number->to_double();
      }
    }
  }
  return numbers;
}

/// The lines "# NextGC = 4194304" behind a heap profile as text.
Numbers numbers_of_profile(const std::string& text) {
  Numbers numbers;
  const std::size_t begin = text.find("# runtime.MemStats");
  for (std::size_t at = begin; at != std::string::npos && at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view{text}.substr(at, end - at);
    const std::size_t equals = line.find(" = ");
    if (line.starts_with("# ") && equals != std::string_view::npos) {
      if (const auto number = base::parse_number(line.substr(equals + 3))) {
        numbers[std::string(line.substr(2, equals - 2))] = number->to_double();
      }
    }
    at = end + 1;
  }
  return numbers;
}

std::optional<double> number(const Numbers& numbers, const char* name) {
  const auto found = numbers.find(name);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

leak::GoState state_of(const Numbers& numbers) {
  leak::GoState state{.collections = number(numbers, "NumGC"),
                      .next_gc = number(numbers, "NextGC"),
                      .heap_live = number(numbers, "HeapAlloc")};
  const auto idle = number(numbers, "HeapIdle");
  const auto released = number(numbers, "HeapReleased");
  const auto sys = number(numbers, "Sys");
  if (idle && released) {
    state.held = *idle - *released;
    state.sys = sys ? std::optional(*sys - *released) : std::nullopt;
  }
  return state;
}

}  // namespace

base::Result<leak::GoState> go_state(const net::HttpRequest& vars, bool collect) {
  if (collect) {
    (void)fetched(page_of(vars, "/debug/pprof/heap?gc=1"));
  }
  auto page = fetched(vars);
  Numbers numbers = page ? numbers_of_vars(*page) : Numbers{};
  if (numbers.empty()) {
    const auto text = fetched(page_of(vars, "/debug/pprof/heap?debug=1"));
    if (!text) {
      return tl::unexpected(page ? text.error() : page.error());
    }
    numbers = numbers_of_profile(*text);
  }
  leak::GoState state = state_of(numbers);
  if (!state.heap_live) {
    return base::fail(base::ErrorKind::invalid,
                      "neither /debug/vars nor /debug/pprof/heap tells Go's memory statistics");
  }
  return state;
}

std::optional<double> goroutine_count(const net::HttpRequest& vars) {
  const auto text = fetched(page_of(vars, "/debug/pprof/goroutine?debug=1"));
  constexpr std::string_view begin = "goroutine profile: total ";
  if (!text || !text->starts_with(begin)) {
    return std::nullopt;
  }
  const std::string_view rest = std::string_view{*text}.substr(begin.size());
  const auto number = base::parse_number(rest.substr(0, rest.find('\n')));
  return number ? std::optional(number->to_double()) : std::nullopt;
}

GoProfiles fetch_go_profiles(const net::HttpRequest& vars, bool collect,
                             const leak::GoState& state) {
  GoProfiles profiles{.collections = state.collections.value_or(-1)};
  profiles.heap =
      fetched(page_of(vars, collect ? "/debug/pprof/heap?gc=1" : "/debug/pprof/heap")).value_or("");
  if (state.goroutines.value_or(0) <= goroutines_max) {
    profiles.goroutine = fetched(page_of(vars, "/debug/pprof/goroutine")).value_or("");
  }
  return profiles;
}

std::vector<leak::SiteGrowth> sites_that_grew(const GoProfiles& before, const GoProfiles& after) {
  using leak::stacks::ProfileKind;
  const leak::stacks::GrownOptions options{.seconds = after.at - before.at};
  const bool is_same_state = before.collections >= 0 && before.collections == after.collections;
  std::vector<leak::SiteGrowth> sites;
  if (!is_same_state) {
    sites = leak::stacks::grown_stacks(before.heap, after.heap, ProfileKind::go_heap, options);
  }
  std::vector<leak::SiteGrowth> blocked = leak::stacks::grown_stacks(
      before.goroutine, after.goroutine, ProfileKind::goroutines, options);
  std::move(blocked.begin(), blocked.end(), std::back_inserter(sites));
  return sites;
}

}  // namespace heapwatch::agent::commands
