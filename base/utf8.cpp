#include "base/utf8.h"

#include <algorithm>

namespace heapwatch::base {

void append_character(std::string& out, std::uint32_t code) {
  const auto append = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    append(code);
    return;
  }
  if (code > 0x10ffff) {
    out += replacement_character;
    return;
  }
  if (code < 0x800) {
    append(0xc0U | (code >> 6U));
  } else if (code < 0x10000) {
    append(0xe0U | (code >> 12U));
    append(0x80U | ((code >> 6U) & 0x3fU));
  } else {
    append(0xf0U | (code >> 18U));
    append(0x80U | ((code >> 12U) & 0x3fU));
    append(0x80U | ((code >> 6U) & 0x3fU));
  }
  append(0x80U | (code & 0x3fU));
}

std::string valid_utf8(std::string_view text, std::string_view replacement) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    valid += bytes == 0 ? replacement : text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return valid;
}

std::string_view whole_characters(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  while (bytes_max > 0 && continues_character(text[bytes_max])) {
    --bytes_max;
  }
  return text.substr(0, bytes_max);
}

}  // namespace heapwatch::base
