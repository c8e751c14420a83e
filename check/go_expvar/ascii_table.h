// The table behind ascii_of(): what is left of characters outside ASCII.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace heapwatch::check::go_expvar {

/// Neighbouring characters that each leave one of `texts` (as many as `count`), or one character
/// that leaves all of `texts` (`count` is 1).
struct AsciiRun {
  std::uint32_t first;
  std::uint32_t count;
  std::string_view texts;
};

/// In the order of the code points; characters of which nothing is left are absent.
[[nodiscard]] std::span<const AsciiRun> ascii_table();

}  // namespace heapwatch::check::go_expvar
