// Indented JSON as the Agent prints it: two spaces, an element a line, exact numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/number.h"

namespace heapwatch::exporters::console {

/// Threads: not safe. Ownership: nothing handed in is kept.
class Json {
 public:
  Json() = default;
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;
  ~Json() = default;

  void begin_object() { writer_.begin_object(); }
  void end_object() { writer_.end_object(); }
  void begin_array() { writer_.begin_array(); }
  void end_array() { writer_.end_array(); }
  void key(std::string_view name) { writer_.key(name); }
  /// What is not UTF-8 is replaced by `_`, as DogStatsD is sent it.
  void text(std::string_view value);
  /// A value that is JSON already.
  void raw(std::string_view json) { writer_.raw(json); }
  /// Integers in full, doubles in their shortest form; null for what JSON has no number for.
  void number(const base::Number& value);

  void member(std::string_view name, std::string_view value);
  void member(std::string_view name, const base::Number& value);
  void member(std::string_view name, std::uint64_t value) { member(name, base::Number::of(value)); }
  void member(std::string_view name, const std::vector<std::string>& texts);

  [[nodiscard]] std::string take() const { return text_; }

 private:
  std::string text_;
  base::JsonWriter writer_{text_, {.indent = 2}};
};

/// Appends a finite number in plain digits, never with an exponent.
void append_plain(std::string& out, const base::Number& value);

}  // namespace heapwatch::exporters::console
