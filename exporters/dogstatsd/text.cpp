#include "exporters/dogstatsd/text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace heapwatch::exporters::dogstatsd {

namespace {

struct Lead {
  std::size_t length;
  std::uint32_t bits;
  std::uint32_t smallest;  // the first code point that needs this length
};

Lead read_lead(unsigned char byte) {
  if (byte < 0x80) {
    return {1, byte, 0};
  }
  if ((byte & 0xe0U) == 0xc0) {
    return {2, byte & 0x1fU, 0x80};
  }
  if ((byte & 0xf0U) == 0xe0) {
    return {3, byte & 0x0fU, 0x800};
  }
  if ((byte & 0xf8U) == 0xf0) {
    return {4, byte & 0x07U, 0x10000};
  }
  return {0, 0, 0};
}

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const Lead lead = read_lead(static_cast<unsigned char>(text[0]));
  if (lead.length > text.size()) {
    return 0;
  }
  std::uint32_t point = lead.bits;
  for (std::size_t i = 1; i < lead.length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80) {
      return 0;
    }
    point = (point << 6U) | (byte & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < lead.smallest || surrogate || point > 0x10ffff ? 0 : lead.length;
}

void append_clean(std::string& out, std::string_view text, std::string_view forbidden) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
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

std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) {
    --end;
  }
  return text.substr(0, end);
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
