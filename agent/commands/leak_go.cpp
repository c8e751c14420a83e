#include "agent/commands/leak_go.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "agent/commands/leak_target.h"
#include "base/number.h"
#include "expvar/query.h"
#include "net/page.h"
#include "pprof/parse.h"
#include "pprof/profile.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::size_t page_bytes_max = std::size_t{64} << 20;
constexpr std::size_t profile_bytes_max = std::size_t{512} << 20;  // decompressed
constexpr std::chrono::milliseconds page_timeout{20'000};
constexpr std::size_t sites_max = 20;
constexpr std::size_t frames_max = 64;
/// A profile of more goroutines holds up the program too long.
constexpr double goroutines_max = 100'000;

base::Result<std::string> fetched(net::HttpRequest request) {
  request.total_timeout = page_timeout;
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

/// The bytes that a stack holds, or how many goroutines have it.
struct Held {
  double count = 0;
  double bytes = 0;
  std::vector<leak::Frame> stack;
};

std::vector<leak::Frame> stack_of(const pprof::Profile& profile, std::size_t sample,
                                  const std::string& space) {
  std::vector<leak::Frame> stack;
  for (const std::uint32_t place : profile.samples.frames(sample)) {
    for (const pprof::Line& line : profile.lines_of(profile.locations[place])) {
      if (line.function == pprof::no_index || stack.size() >= frames_max) {
        continue;
      }
      const pprof::Function& function = profile.functions[line.function];
      stack.push_back({.function = std::string(profile.text(function.name)),
                       .file = std::string(profile.text(function.file)),
                       .line = line.line,
                       .space = space});
    }
  }
  return stack;
}

std::optional<std::size_t> index_of(const pprof::Profile& profile, std::string_view type) {
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    if (profile.text(profile.sample_types[i].type) == type) {
      return i;
    }
  }
  return std::nullopt;
}

using ByStack = std::map<std::string, Held>;

base::Result<ByStack> held_by_stack(const std::string& bytes, const std::string& space) {
  auto profile = pprof::parse_profile(bytes, {.bytes_max = profile_bytes_max});
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  const bool is_heap = space == "go";
  const auto count = index_of(*profile, is_heap ? "inuse_objects" : "goroutine");
  const auto size = is_heap ? index_of(*profile, "inuse_space") : count;
  if (!count || !size) {
    return base::fail(base::ErrorKind::invalid, "it is no profile of Go's " + space);
  }
  ByStack by_stack;
  for (std::size_t i = 0; i < profile->samples.size(); ++i) {
    std::vector<leak::Frame> stack = stack_of(*profile, i, space);
    std::string key;
    for (const leak::Frame& frame : stack) {
      key += frame.function + ":" + std::to_string(frame.line) + "\n";
    }
    Held& held = by_stack[key];
    const auto values = std::as_const(profile->samples).values(i);
    held.count += static_cast<double>(values[*count]);
    held.bytes += is_heap ? static_cast<double>(values[*size]) : 0;
    held.stack = std::move(stack);
  }
  return by_stack;
}

void add_growth(const std::string& before, const std::string& after, const std::string& space,
                double seconds, std::vector<leak::SiteGrowth>& sites) {
  if (before.empty() || after.empty()) {
    return;
  }
  const auto first = held_by_stack(before, space);
  auto last = held_by_stack(after, space);
  if (!first || !last) {
    return;
  }
  std::vector<leak::SiteGrowth> grown;
  for (auto& [key, held] : *last) {
    const auto known = first->find(key);
    const Held none;
    const Held& then = known == first->end() ? none : known->second;
    leak::SiteGrowth site{.space = space,
                          .stack = std::move(held.stack),
                          .count = held.count - then.count,
                          .bytes = held.bytes - then.bytes,
                          .seconds = seconds};
    if (space == "go" ? site.bytes > 0 : site.count > 0) {
      grown.push_back(std::move(site));
    }
  }
  std::stable_sort(grown.begin(), grown.end(),
                   [](const leak::SiteGrowth& a, const leak::SiteGrowth& b) {
                     return a.bytes != b.bytes ? a.bytes > b.bytes : a.count > b.count;
                   });
  grown.resize(std::min(grown.size(), sites_max));
  sites.insert(sites.end(), grown.begin(), grown.end());
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
  std::vector<leak::SiteGrowth> sites;
  const double seconds = after.at - before.at;
  const bool is_same_state = before.collections >= 0 && before.collections == after.collections;
  if (!is_same_state) {
    add_growth(before.heap, after.heap, "go", seconds, sites);
  }
  add_growth(before.goroutine, after.goroutine, "goroutine", seconds, sites);
  return sites;
}

}  // namespace heapwatch::agent::commands
