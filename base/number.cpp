#include "base/number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace heapwatch::base {

namespace {

// Wide enough for the sum or difference of any two int64 or uint64.
__extension__ using Wide = __int128;

std::optional<Number> narrow(Wide value) {
  if (value < 0) {
    if (value < std::numeric_limits<std::int64_t>::min()) {
      return std::nullopt;
    }
    return Number::of(static_cast<std::int64_t>(value));
  }
  if (value > std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  return Number::of(static_cast<std::uint64_t>(value));
}

Wide widen(bool negative, std::uint64_t bits) {
  return negative ? static_cast<Wide>(static_cast<std::int64_t>(bits)) : static_cast<Wide>(bits);
}

}  // namespace

bool Number::is_finite() const {
  return !is_float_ || std::isfinite(real);
}

double Number::to_double() const {
  if (is_float_) {
    return real;
  }
  return negative_ ? static_cast<double>(static_cast<std::int64_t>(bits))
                   : static_cast<double>(bits);
}

std::optional<std::uint64_t> Number::to_uint64() const {
  if (is_float_ || negative_) {
    return std::nullopt;
  }
  return bits;
}

std::optional<std::int64_t> Number::to_int64() const {
  if (is_float_ || (!negative_ && bits > std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(bits);
}

bool operator==(const Number& a, const Number& b) {
  if (a.is_float_ || b.is_float_) {
    return a.to_double() == b.to_double();
  }
  return a.negative_ == b.negative_ && a.bits == b.bits;
}

bool operator<(const Number& a, const Number& b) {
  if (a.is_float_ || b.is_float_) {
    return a.to_double() < b.to_double();
  }
  return widen(a.negative_, a.bits) < widen(b.negative_, b.bits);
}

Number operator+(const Number& a, const Number& b) {
  if (!a.is_float_ && !b.is_float_) {
    if (const auto sum = narrow(widen(a.negative_, a.bits) + widen(b.negative_, b.bits))) {
      return *sum;
    }
  }
  return Number::of(a.to_double() + b.to_double());
}

Number operator-(const Number& a, const Number& b) {
  if (!a.is_float_ && !b.is_float_) {
    if (const auto difference = narrow(widen(a.negative_, a.bits) - widen(b.negative_, b.bits))) {
      return *difference;
    }
  }
  return Number::of(a.to_double() - b.to_double());
}

void append_number(std::string& out, const Number& number) {
  std::array<char, 32> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): written below
  char* const end = buffer.data() + buffer.size();
  std::to_chars_result written{};
  if (!number.is_integer()) {
    written = std::to_chars(buffer.data(), end, number.to_double());
  } else if (const auto value = number.to_uint64()) {
    written = std::to_chars(buffer.data(), end, *value);
  } else {
    written = std::to_chars(buffer.data(), end, *number.to_int64());
  }
  out.append(buffer.data(), written.ptr);
}

std::string to_text(const Number& number) {
  std::string text;
  append_number(text, number);
  return text;
}

std::optional<Number> parse_number(std::string_view text) {
  const char* const first = text.data();
  const char* const last = first + text.size();
  const auto whole = [&](const std::from_chars_result& read) {
    return read.ec == std::errc{} && read.ptr == last;
  };
  if (std::uint64_t value = 0; whole(std::from_chars(first, last, value))) {
    return Number::of(value);
  }
  if (std::int64_t value = 0; whole(std::from_chars(first, last, value))) {
    return Number::of(value);
  }
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    return std::nullopt;  // from_chars would take "nan" and "infinity"
  }
  if (double value = 0; whole(std::from_chars(first, last, value))) {
    return Number::of(value);
  }
  return std::nullopt;
}

}  // namespace heapwatch::base
