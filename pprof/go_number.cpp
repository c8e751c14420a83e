#include "pprof/go_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace heapwatch::pprof {
namespace {

constexpr std::uint64_t int64_max = std::numeric_limits<std::int64_t>::max();

/// Takes a sign off the text and says whether it was a minus.
bool take_sign(std::string_view& text) {
  if (!text.starts_with('+') && !text.starts_with('-')) {
    return false;
  }
  const bool is_minus = text.front() == '-';
  text.remove_prefix(1);
  return is_minus;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The base that a prefix names; takes the prefix off.
int take_base(std::string_view& text) {
  if (text.size() < 2 || text[0] != '0') {
    return 10;
  }
  struct Prefix {
    char letter;
    int base;
  };
  for (const auto& [letter, base] : std::array<Prefix, 3>{{{'x', 16}, {'o', 8}, {'b', 2}}}) {
    if (lower(text[1]) != letter) {
      continue;
    }
    text.remove_prefix(2);
    return base;
  }
  text.remove_prefix(1);
  return 8;
}

}  // namespace

std::optional<std::int64_t> parse_go_integer(std::string_view text, int base) {
  const bool is_minus = take_sign(text);
  std::string digits(text);
  if (base == 0) {
    const std::size_t whole = text.size();
    base = take_base(text);
    const bool has_prefix = text.size() != whole;
    // An underscore stands between digits, or between the prefix and one.
    if (text.ends_with('_') || text.find("__") != std::string_view::npos ||
        (!has_prefix && text.starts_with('_'))) {
      return std::nullopt;
    }
    digits = text;
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  }
  std::uint64_t size = 0;
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, size, base);
  if (read.ec != std::errc() || read.ptr != end || size > int64_max + (is_minus ? 1 : 0)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(is_minus ? 0U - size : size);
}

std::optional<double> parse_go_float(std::string_view text) {
  const bool is_minus = take_sign(text);
  if (text.empty() || text.front() == '+' || text.front() == '-') {
    return std::nullopt;
  }
  const bool is_hex = text.size() > 2 && text[0] == '0' && lower(text[1]) == 'x';
  if (is_hex) {
    text.remove_prefix(2);
  }
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value,
                                    is_hex ? std::chars_format::hex : std::chars_format::general);
  if (read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return is_minus ? -value : value;
}

}  // namespace heapwatch::pprof
