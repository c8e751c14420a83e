#include "pprof/report/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace heapwatch::pprof {
namespace {

/// How many bytes the character at the start of `text` has; 0 when there is no valid one.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  std::size_t size = 0;
  unsigned second_min = 0x80;
  unsigned second_max = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    size = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    size = 3;
    if (first == 0xe0) {  // shorter forms exist
      second_min = 0xa0;
    }
    if (first == 0xed) {  // halves of surrogates
      second_max = 0x9f;
    }
  } else if (first >= 0xf0 && first <= 0xf4) {
    size = 4;
    if (first == 0xf0) {
      second_min = 0x90;
    }
    if (first == 0xf4) {
      second_max = 0x8f;
    }
  } else {
    return 0;
  }
  if (byte(1) < second_min || byte(1) > second_max) {
    return 0;
  }
  for (std::size_t at = 2; at < size; ++at) {
    if (byte(at) < 0x80 || byte(at) > 0xbf) {
      return 0;
    }
  }
  return size;
}

}  // namespace

std::string json_number(double value) {
  if (!std::isfinite(value)) {
    return "null";
  }
  std::array<char, 64> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string json_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const char c = text.front();
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<') {
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) / 16];
      out += digits[static_cast<unsigned char>(c) % 16];
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out + "\"";
}

void JsonWriter::key(std::string_view name) {
  put(json_text(name));
  out_ += ':';
  needs_comma_ = false;
}

void JsonWriter::open(char bracket) {
  if (needs_comma_) {
    out_ += ',';
  }
  out_ += bracket;
  needs_comma_ = false;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  needs_comma_ = true;
}

void JsonWriter::put(std::string_view value) {
  if (needs_comma_) {
    out_ += ',';
  }
  out_ += value;
  needs_comma_ = true;
}

}  // namespace heapwatch::pprof
