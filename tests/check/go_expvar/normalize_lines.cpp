// Normalises names for name_reference_test.py: lines of metric and prefix in hexadecimal, and the
// names in hexadecimal back.
#include <charconv>
#include <iostream>
#include <string>

#include "check/go_expvar/name.h"

namespace {

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::string to_hex(const std::string& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4U];
    text += digits[static_cast<unsigned char>(c) & 0xfU];
  }
  return text;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const std::size_t comma = line.find(',');
    std::cout << to_hex(heapwatch::check::go_expvar::normalize(from_hex(line.substr(0, comma)),
                                                               from_hex(line.substr(comma + 1))))
              << '\n';
  }
}
