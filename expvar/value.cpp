#include "expvar/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

namespace heapwatch::expvar {

namespace {

constexpr std::size_t numeric_text_bytes_max = 512;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

/// For a number of which parse_number() only knows that it is out of range: the side is the sign of
/// its exponent once the point stands behind the first digit that counts.
base::Number out_of_range(std::string_view text) {
  const bool negative = text.starts_with('-');
  text.remove_prefix(negative ? 1 : 0);
  const std::string_view digits = text.substr(0, text.find_first_of("eE"));
  std::int64_t exponent = 0;
  if (digits.size() < text.size()) {
    const bool plus = text[digits.size() + 1] == '+';
    const std::string_view written = text.substr(digits.size() + (plus ? 2 : 1));
    if (std::from_chars(written.data(), written.data() + written.size(), exponent).ec !=
        std::errc{}) {
      constexpr std::int64_t beyond = std::int64_t{1} << 40;
      exponent = written.starts_with('-') ? -beyond : beyond;
    }
  }
  const auto first = static_cast<std::int64_t>(digits.find_first_of("123456789"));
  const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
  const double size = exponent + point - first > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return base::Number::of(negative ? -size : size);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a | 0x20) == b; });
}

std::optional<double> not_finite(std::string_view unsigned_text) {
  if (equals_ignoring_case(unsigned_text, "nan")) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (equals_ignoring_case(unsigned_text, "inf") ||
      equals_ignoring_case(unsigned_text, "infinity")) {
    return std::numeric_limits<double>::infinity();
  }
  return std::nullopt;
}

bool is_decimal(std::string_view text) {
  const auto decimal = read_decimal(text);
  return decimal && decimal->whole + decimal->fraction > 0;
}

}  // namespace

std::optional<Decimal> read_decimal(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < text.size() && is_digit(text[i])) {
      ++i;
    }
    return i - begin;
  };
  Decimal decimal{.whole = digits()};
  if (i < text.size() && text[i] == '.') {
    ++i;
    decimal.has_point = true;
    decimal.fraction = digits();
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) {
      ++i;
    }
    if (digits() == 0) {
      return std::nullopt;
    }
  }
  return i == text.size() ? std::optional(decimal) : std::nullopt;
}

base::Number read_json_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (const auto value = not_finite(text.substr(negative ? 1 : 0))) {
    return base::Number::of(negative ? -*value : *value);
  }
  if (const auto number = base::parse_number(text)) {
    return *number;
  }
  return out_of_range(text);
}

std::optional<base::Number> read_numeric_text(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  if (text.empty() || text.size() > numeric_text_bytes_max) {
    return std::nullopt;
  }
  const bool negative = text.front() == '-';
  const std::string_view unsigned_text = text.substr(negative || text.front() == '+' ? 1 : 0);
  if (const auto value = not_finite(unsigned_text)) {
    return base::Number::of(negative ? -*value : *value);
  }
  std::array<char, numeric_text_bytes_max + 1> plain{};
  std::size_t size = 0;
  if (negative) {
    plain[size++] = '-';
  }
  for (std::size_t i = 0; i < unsigned_text.size(); ++i) {
    if (unsigned_text[i] != '_') {
      plain[size++] = unsigned_text[i];
    } else if (i == 0 || i + 1 == unsigned_text.size() || !is_digit(unsigned_text[i - 1]) ||
               !is_digit(unsigned_text[i + 1])) {
      return std::nullopt;
    }
  }
  const std::string_view number(plain.data(), size);
  if (!is_decimal(number.substr(negative ? 1 : 0))) {
    return std::nullopt;
  }
  return read_json_number(number);
}

}  // namespace heapwatch::expvar
