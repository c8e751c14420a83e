// One flag of a command line, by Go's rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::pprof {

/// A flag whose value is read into a place of its own.
struct Flag {
  bool is_switch = false;
  std::string help;
  std::function<base::Result<void>(const std::string&)> set;
};

/// What is said of a value that cannot be read.
[[nodiscard]] base::Result<void> parse_error();

[[nodiscard]] Flag switch_flag(bool& to, std::string_view help);
[[nodiscard]] Flag text_flag(std::string& to, std::string_view help);
/// Calls `set` with an integer from `min` to `max`.
[[nodiscard]] Flag integer_flag(std::int64_t min, std::int64_t max, std::string_view help,
                                std::function<void(std::int64_t)> set);

}  // namespace heapwatch::pprof
