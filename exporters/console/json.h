// Indented JSON as the Agent prints it: two spaces, an element a line, exact numbers.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/number.h"

namespace heapwatch::exporters::console {

/// Threads: not safe. Ownership: nothing handed in is kept.
class Json {
 public:
  Json() { writer_.SetIndent(' ', 2); }

  void begin_object() { writer_.StartObject(); }
  void end_object() { writer_.EndObject(); }
  void begin_array() { writer_.StartArray(); }
  void end_array() { writer_.EndArray(); }
  void key(std::string_view name);
  /// What is not UTF-8 is replaced by `_`.
  void text(std::string_view value);
  /// Integers in full, doubles in their shortest form; null for what JSON has no number for.
  void number(const base::Number& value);

  void member(std::string_view name, std::string_view value);
  void member(std::string_view name, const base::Number& value);
  void member(std::string_view name, std::uint64_t value) { member(name, base::Number::of(value)); }
  void member(std::string_view name, const std::vector<std::string>& texts);

  [[nodiscard]] std::string take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

/// Appends a finite number in plain digits, never with an exponent.
void append_plain(std::string& out, const base::Number& value);

}  // namespace heapwatch::exporters::console
