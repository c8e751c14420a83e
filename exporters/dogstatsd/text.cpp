#include "exporters/dogstatsd/text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

void append_clean(std::string& out, std::string_view text, std::string_view forbidden) {
  while (!text.empty()) {
    const std::size_t length = base::character_bytes(text);
    const bool bad =
        length == 0 || (length == 1 && (is_control(static_cast<unsigned char>(text[0])) ||
                                        forbidden.find(text[0]) != forbidden.npos));
    if (bad) {
      out += '_';
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
}

void append_value(std::string& out, const base::Number& value) {
  if (value.is_integer()) {
    base::append_number(out, value);
    return;
  }
  const double number = value.to_double();
  if (number == 0) {
    out += '0';
    return;
  }
  std::array<char, 48> buffer{};
  const double size = std::fabs(number);
  const auto format =
      size >= 1e-7 && size < 1e21 ? std::chars_format::fixed : std::chars_format::scientific;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, format);
  out.append(buffer.data(), written.ptr);
}

}  // namespace heapwatch::exporters::dogstatsd
