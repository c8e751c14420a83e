#include "exporters/console/json.h"

#include <array>
#include <charconv>

#include "base/utf8.h"
#include "exporters/dogstatsd/text.h"

namespace heapwatch::exporters::console {

void Json::text(std::string_view value) {
  writer_.text(base::valid_utf8(value, "_"));
}

void Json::number(const base::Number& value) {
  if (!value.is_finite()) {
    writer_.null();
    return;
  }
  std::string digits;
  dogstatsd::append_value(digits, value);
  writer_.raw(digits);
}

void Json::member(std::string_view name, std::string_view value) {
  key(name);
  text(value);
}

void Json::member(std::string_view name, const base::Number& value) {
  key(name);
  number(value);
}

void Json::member(std::string_view name, const std::vector<std::string>& texts) {
  key(name);
  begin_array();
  for (const std::string& one : texts) {
    text(one);
  }
  end_array();
}

void append_plain(std::string& out, const base::Number& value) {
  if (value.is_integer()) {
    base::append_number(out, value);
    return;
  }
  std::array<char, 1100> buffer{};  // the smallest double has some 750 digits
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                     value.to_double(), std::chars_format::fixed);
  out.append(buffer.data(), written.ptr);
}

}  // namespace heapwatch::exporters::console
