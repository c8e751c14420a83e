// Writes JSON, one value after the other.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/number.h"

namespace heapwatch::base {

/// Which bytes of ASCII a text has as `\u00xx` although JSON would take them as they are.
enum class JsonEscapes : std::uint8_t {
  needed,  // none; controls have their short names, `\n`, where there are such
  script,  // `<`: the text can stand in a script of a page
  page,    // `<`, `>`, `&` and all controls: the text can stand anywhere in a page
};

/// Appends a text in quotes. A byte that is no part of a character of UTF-8 becomes `\ufffd`: what
/// is written is valid, whatever the text is.
void append_json_text(std::string& out, std::string_view text,
                      JsonEscapes escapes = JsonEscapes::needed);

/// Appends the shortest text that reads back as the same number; null for what JSON has no number
/// for.
void append_json_number(std::string& out, double value);

struct JsonStyle {
  std::size_t indent = 0;  // blanks a level; 0: all on one line
  JsonEscapes escapes = JsonEscapes::needed;
};

/// Puts commas and line ends where they belong; the caller sees to it that what is begun ends, and
/// that each member of an object has its key.
///
/// It appends to `out` and never looks back: of a long document a caller can send what is there
/// between two values, and clear `out`. Names of functions begin what they write ("text" in
/// quotes), and member() is a key and a value.
///
/// Threads: not safe. Ownership: `out` is the caller's; nothing handed in is kept.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out, JsonStyle style = {}) : out_(out), style_(style) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void text(std::string_view value);
  template <std::integral Integer>
  void number(Integer value) {
    start_value();
    append_number(out_, Number::of(value));
  }
  /// In its shortest form, `1e+06` too.
  void number(double value);
  /// In plain digits from 1e-6 to 1e21, and always with a point or an exponent: `3.0`. For readers
  /// that tell integers from other numbers.
  void real(double value);
  void boolean(bool value);
  void null();
  /// A value that is JSON already.
  void raw(std::string_view json);

  void value(std::string_view text_value) { text(text_value); }
  void value(const std::string& text_value) { text(text_value); }
  void value(const char* text_value) { text(text_value); }
  void value(bool truth) { boolean(truth); }
  void value(double amount) { number(amount); }
  template <std::integral Integer>
  void value(Integer amount) {
    number(amount);
  }
  /// Null when there is none.
  template <typename Value>
  void value(const std::optional<Value>& its_value) {
    if (its_value) {
      value(*its_value);
    } else {
      null();
    }
  }
  /// A list of values.
  template <typename Items>
  requires requires(const Items& items) { items.begin(); }
  void value(const Items& items) {
    begin_array();
    for (const auto& item : items) {
      value(item);
    }
    end_array();
  }

  template <typename Value>
  void member(std::string_view name, const Value& its_value) {
    key(name);
    value(its_value);
  }
  /// A member that is an object: `write` writes its members.
  template <std::invocable Write>
  void object(std::string_view name, const Write& write) {
    key(name);
    begin_object();
    write();
    end_object();
  }
  /// A member that is a list of objects: `write` writes the members of the object of an item.
  template <typename Items, typename Write>
  void objects(std::string_view name, const Items& items, const Write& write) {
    key(name);
    begin_array();
    for (const auto& item : items) {
      begin_object();
      write(item);
      end_object();
    }
    end_array();
  }

 private:
  void open(char bracket);
  void close(char bracket);
  /// What stands between the value before and this one.
  void start_value();
  void start_line();

  std::string& out_;
  JsonStyle style_;
  std::size_t depth_ = 0;
  bool needs_comma_ = false;
  bool is_behind_key_ = false;
};

}  // namespace heapwatch::base
