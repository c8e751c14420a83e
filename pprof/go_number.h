// Numbers as Go's flags read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace heapwatch::pprof {

/// An integer with an optional sign. Base 0 also takes 0x, 0o, 0b, a leading 0 for octal, and
/// underscores between digits.
[[nodiscard]] std::optional<std::int64_t> parse_go_integer(std::string_view text, int base);

/// A decimal or hexadecimal number, "inf", "infinity" or "nan", with an optional sign.
[[nodiscard]] std::optional<double> parse_go_float(std::string_view text);

}  // namespace heapwatch::pprof
