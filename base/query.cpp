#include "base/query.h"

#include <algorithm>

#include "base/beginning.h"
#include "base/number.h"

namespace heapwatch::base {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = i + 2 < text.size() && text[i] == '%' ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

Query parse_query(std::string_view query) {
  Query parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    const std::size_t equals = std::min(one.find('='), one.size());
    const std::size_t value = std::min(equals + 1, one.size());
    if (!one.empty()) {
      parameters.emplace_back(decoded(one.substr(0, equals)), decoded(one.substr(value)));
    }
  }
  return parameters;
}

std::optional<std::string> query_value(std::string_view query, std::string_view key) {
  for (auto& [name, value] : parse_query(query)) {
    if (name == key) {
      return std::move(value);
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  const std::optional<Number> number = parse_number(text);
  return number && number->is_integer() ? number->to_int64() : std::nullopt;
}

Result<std::int64_t> query_number(std::string_view query, std::string_view key,
                                  const QueryNumber& number) {
  const std::optional<std::string> text = query_value(query, key);
  if (!text) {
    return number.absent;
  }
  const std::optional<std::int64_t> value = whole_number(*text);
  if (!value || *value < number.least || *value > number.most) {
    return fail(ErrorKind::invalid,
                std::string(key) + " must be a whole number from " + std::to_string(number.least) +
                    " to " + std::to_string(number.most) + ", not \"" + beginning(*text) + "\"");
  }
  return *value;
}

}  // namespace heapwatch::base
