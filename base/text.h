// Letters, blanks and hexadecimal digits of ASCII, whatever the locale is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::base {

[[nodiscard]] constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = ascii_lower(c);
  }
  return lower;
}

[[nodiscard]] constexpr bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

/// `text` without blanks and line ends on both sides.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

/// A token of HTTP, as the name of a header is one: RFC 9110, section 5.6.2.
[[nodiscard]] constexpr bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
[[nodiscard]] constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_character);
}

/// A name of a label, as Prometheus has it: letters, digits and `_`, no digit first.
[[nodiscard]] constexpr bool is_label_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// Without a line end or a zero, as the value of a header is.
[[nodiscard]] constexpr bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

inline constexpr std::string_view hex_lower = "0123456789abcdef";
inline constexpr std::string_view hex_upper = "0123456789ABCDEF";

/// Appends the lowest `count` digits of a number: 0x1f with four is `001f`.
constexpr void append_hex(std::string& out, std::uint64_t number, unsigned count,
                          std::string_view digits = hex_lower) {
  while (count > 0) {
    --count;
    out += digits[(number >> (4U * count)) & 0xfU];
  }
}

/// The value of a digit, or -1.
[[nodiscard]] constexpr int hex_value(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// `text` with `%XX` for each byte that `is_plain` does not take.
template <typename IsPlain>
[[nodiscard]] std::string percent_encoded(std::string_view text, const IsPlain& is_plain) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (is_plain(c)) {
      encoded += c;
    } else {
      encoded += '%';
      append_hex(encoded, static_cast<unsigned char>(c), 2, hex_upper);
    }
  }
  return encoded;
}

}  // namespace heapwatch::base
