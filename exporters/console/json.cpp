#include "exporters/console/json.h"

#include <array>
#include <charconv>

#include "exporters/dogstatsd/text.h"

namespace heapwatch::exporters::console {

namespace {

std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = dogstatsd::utf8_length(text);
    if (length == 0) {
      valid += '_';
    } else {
      valid += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

}  // namespace

void Json::key(std::string_view name) {
  writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
}

void Json::text(std::string_view value) {
  const std::string valid = valid_utf8(value);
  writer_.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

void Json::number(const base::Number& value) {
  if (!value.is_finite()) {
    writer_.Null();
    return;
  }
  std::string digits;
  dogstatsd::append_value(digits, value);
  writer_.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
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
