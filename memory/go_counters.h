// What a Go program says of its own memory on a page of expvars: evidence beside what is read from
// outside, and in its place where memory may not be read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "memory/survey.h"

namespace heapwatch::memory {

/// Of runtime.MemStats. Units: bytes.
struct GoCounters {
  std::uint64_t heap_live = 0;  // with garbage that was not swept yet
  std::uint64_t heap_in_use = 0;
  std::uint64_t heap_kept = 0;  // idle, and not given back to the system
  std::uint64_t objects = 0;
  std::uint64_t stacks = 0;
  std::uint64_t records = 0;  // the runtime's own
  friend bool operator==(const GoCounters&, const GoCounters&) = default;
};

inline constexpr std::size_t counters_page_bytes_max = std::size_t{16} << 20;

/// From the page of expvars at /debug/vars, or a heap profile as text (/debug/pprof/heap?debug=1).
/// Errors: invalid when it has no memstats, or impossible ones.
[[nodiscard]] base::Result<GoCounters> parse_go_counters(std::string_view page);

/// Whether a page of expvars says to be of a program that was started so, its arguments with blanks
/// between them.
[[nodiscard]] bool is_page_of(std::string_view page, const std::string& command_line);

/// Whether it is a Go program, walked or not.
[[nodiscard]] bool has_go(const Survey& survey);

/// Whether the heap of a Go program was found and walked from outside.
[[nodiscard]] bool is_go_walked(const Survey& survey);

/// Where Go's heap was walked, a check that says whether the program's own counters agree. Else
/// what is unexplained is split by them: never more than there is.
void add_go_counters(Survey& survey, const GoCounters& counters);

}  // namespace heapwatch::memory
