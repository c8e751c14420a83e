// Characters of UTF-8: found, checked and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// Stands for bytes that are no UTF-8: U+FFFD.
inline constexpr std::string_view replacement_character = "\xef\xbf\xbd";

/// Whether a byte is one behind the first of a character.
[[nodiscard]] constexpr bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

/// A code point and the bytes that write it; no bytes: there is none.
struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;
};

/// The character that `text` begins with. There is none in an empty text, and where the first bytes
/// are no UTF-8: overlong forms, surrogates and code points past U+10FFFF are none.
[[nodiscard]] constexpr Character first_character(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const auto byte = [text](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) {
    return {};
  }
  std::uint32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues_character(text[i])) {
      return {};
    }
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  const std::uint32_t smallest = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest || code > 0x10ffff || is_surrogate ? Character{} : Character{code, bytes};
}

/// The bytes of the character that `text` begins with, 0 when there is none.
[[nodiscard]] constexpr std::size_t character_bytes(std::string_view text) {
  return first_character(text).bytes;
}

/// Appends the character of a code point. A surrogate is written as if it were a character; what is
/// past U+10FFFF becomes U+FFFD.
void append_character(std::string& out, std::uint32_t code);

/// `text` with `replacement` for each byte that is no part of a character.
[[nodiscard]] std::string valid_utf8(std::string_view text,
                                     std::string_view replacement = replacement_character);

/// As much of `text` as fits `bytes_max` without parting a character.
[[nodiscard]] std::string_view whole_characters(std::string_view text, std::size_t bytes_max);

}  // namespace heapwatch::base
