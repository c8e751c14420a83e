#include "base/printable.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "base/utf8.h"

namespace heapwatch::base {

namespace {

/// Controls of C0 and C1, the ends of lines and paragraphs, and what turns the direction of
/// writing.
bool is_hidden(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c ||
         (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

void append_escape(std::string& out, std::uint32_t code) {
  constexpr std::uint32_t one_byte_end = 0x7f;  // the longer form is one of JSON's, too
  switch (code) {
    case '\n':
      out += "\\n";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      out += code < one_byte_end ? "\\x" : "\\u";
      append_hex(out, code, code < one_byte_end ? 2 : 4);
  }
}

std::string escaped(std::string_view text, bool keeps_lines) {
  const auto is_plain = [keeps_lines](char c) {
    return (c >= 0x20 && c < 0x7f) || (keeps_lines && (c == '\n' || c == '\t'));
  };
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    return std::string(text);
  }
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const Character next = first_character(text);
    const std::size_t bytes = std::max<std::size_t>(next.bytes, 1);
    if (next.bytes == 0) {
      out += "\\x";
      append_hex(out, static_cast<unsigned char>(text.front()), 2);
    } else if (is_hidden(next.code) && !(keeps_lines && (next.code == '\n' || next.code == '\t'))) {
      append_escape(out, next.code);
    } else {
      out.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped(text, false);
}

std::string printable_lines(std::string_view text) {
  return escaped(text, true);
}

}  // namespace heapwatch::base
