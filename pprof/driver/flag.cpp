#include "pprof/driver/flag.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pprof/go_number.h"

namespace heapwatch::pprof {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::array<std::string_view, 6> true_words = {"1", "t", "T", "true", "TRUE", "True"};
constexpr std::array<std::string_view, 6> false_words = {"0", "f", "F", "false", "FALSE", "False"};

Result<void> read_switch(bool& to, const std::string& value) {
  const auto is_in = [&](const auto& words) {
    return std::find(words.begin(), words.end(), value) != words.end();
  };
  if (!is_in(true_words) && !is_in(false_words)) {
    return parse_error();
  }
  to = is_in(true_words);
  return {};
}

}  // namespace

Result<void> parse_error() {
  return fail(ErrorKind::invalid, "parse error");
}

Flag switch_flag(bool& to, std::string_view help) {
  return {true, std::string(help),
          [&to](const std::string& value) { return read_switch(to, value); }};
}

Flag text_flag(std::string& to, std::string_view help) {
  return {false, std::string(help), [&to](const std::string& value) -> Result<void> {
            to = value;
            return {};
          }};
}

Flag integer_flag(std::int64_t min, std::int64_t max, std::string_view help,
                  std::function<void(std::int64_t)> set) {
  return {false, std::string(help),
          [=, set = std::move(set)](const std::string& value) -> Result<void> {
            const auto number = parse_go_integer(value, 0);
            if (!number) {
              return parse_error();
            }
            if (*number < min || *number > max) {
              return fail(ErrorKind::invalid, "value out of range");
            }
            set(*number);
            return {};
          }};
}

}  // namespace heapwatch::pprof
