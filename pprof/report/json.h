// Writes JSON, one value after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::pprof {

/// The shortest text that reads back as the same number; null for what JSON has no number for.
[[nodiscard]] std::string json_number(double value);

/// A text in quotes. Bytes that are no UTF-8 become U+FFFD; `<` is escaped, so that a page may hold
/// the text in a script.
[[nodiscard]] std::string json_text(std::string_view text);

/// Puts commas where they belong; the caller sees to it that what is begun ends.
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void text(std::string_view value) { put(json_text(value)); }
  void number(std::int64_t value) { put(std::to_string(value)); }
  void number(double value) { put(json_number(value)); }
  void boolean(bool value) { put(value ? "true" : "false"); }

  void member(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void member(std::string_view name, const char* value) { member(name, std::string_view(value)); }
  void member(std::string_view name, std::int64_t value) {
    key(name);
    number(value);
  }
  void member(std::string_view name, double value) {
    key(name);
    number(value);
  }
  void member(std::string_view name, bool value) {
    key(name);
    boolean(value);
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void put(std::string_view value);

  std::string out_;
  bool needs_comma_ = false;
};

}  // namespace heapwatch::pprof
