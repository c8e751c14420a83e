#include "pprof/web/json_value.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

namespace heapwatch::pprof::web {
namespace {

using base::ErrorKind;
using base::fail;
using Kind = JsonValue::Kind;

constexpr int levels_max = 64;

/// A cursor that remembers its first error.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  base::Result<JsonValue> run() {
    JsonValue value = read_value(0);
    skip_blanks();
    if (error_.empty() && at_ != text_.size()) {
      wrong("something behind the value");
    }
    if (!error_.empty()) {
      return fail(ErrorKind::invalid, error_);
    }
    return value;
  }

 private:
  void wrong(const std::string& what) {
    if (error_.empty()) {
      error_ = "no JSON: " + what + " at byte " + std::to_string(at_);
    }
    at_ = text_.size();
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  /// True, and behind it, when `word` comes next.
  bool take(std::string_view word) {
    skip_blanks();
    if (text_.substr(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }

  JsonValue read_value(int level) {
    JsonValue value;
    if (level > levels_max) {
      wrong("more than 64 levels");
    } else if (take("{")) {
      value.kind = Kind::object;
      read_list("}", [&] {
        if (!take("\"")) {
          return wrong("no name of a member");
        }
        std::string name = read_string();
        if (!take(":")) {
          return wrong("no colon");
        }
        value.members.emplace_back(std::move(name), read_value(level + 1));
      });
    } else if (take("[")) {
      value.kind = Kind::array;
      read_list("]", [&] { value.elements.push_back(read_value(level + 1)); });
    } else if (take("\"")) {
      value.kind = Kind::string;
      value.text = read_string();
    } else if (take("null")) {
      value.kind = Kind::null;
    } else if (const bool is_true = take("true"); is_true || take("false")) {
      value.kind = Kind::boolean;
      value.text = is_true ? "true" : "false";
    } else {
      read_number(value);
    }
    return value;
  }

  template <typename Read>
  void read_list(std::string_view end, const Read& read) {
    if (take(end)) {
      return;
    }
    do {
      read();
    } while (take(","));
    if (!take(end)) {
      wrong("no " + std::string(end));
    }
  }

  void read_number(JsonValue& value) {
    const std::size_t end = std::min(text_.find_first_not_of("+-.0123456789eE", at_), text_.size());
    value.kind = Kind::number;
    value.text = text_.substr(at_, end - at_);
    if (value.text.empty()) {
      return wrong("no value");
    }
    at_ = end;
  }

  std::string read_string() {
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') {
        ++at_;
        read_escape(out);
      } else {
        out += text_[at_++];
      }
    }
    if (!take_quote()) {
      wrong("no end of a string");
    }
    return out;
  }
  bool take_quote() {
    if (at_ >= text_.size()) {
      return false;
    }
    ++at_;
    return true;
  }

  void read_escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) {
      return wrong("no end of an escape");
    }
    const std::size_t known = names.find(text_[at_]);
    if (known != std::string_view::npos) {
      out += meanings[known];
      ++at_;
    } else if (text_[at_] == 'u') {
      ++at_;
      std::uint32_t code = read_hex();
      const bool is_high = code >= 0xd800 && code < 0xdc00;
      if (is_high && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        code = 0x10000 + ((code - 0xd800) << 10U) + (read_hex() - 0xdc00);
      }
      base::append_character(out, code);
    } else {
      wrong("an unknown escape");
    }
  }

  std::uint32_t read_hex() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = at_ < text_.size() ? base::hex_value(text_[at_]) : -1;
      if (digit < 0) {
        wrong("no hexadecimal digit");
        return 0xfffd;
      }
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

void write(base::JsonWriter& json, const JsonValue& value) {
  switch (value.kind) {
    case Kind::null:
      json.null();
      break;
    case Kind::boolean:
    case Kind::number:
      json.raw(value.text);
      break;
    case Kind::string:
      json.text(value.text);
      break;
    case Kind::array:
      json.begin_array();
      for (const JsonValue& element : value.elements) {
        write(json, element);
      }
      json.end_array();
      break;
    case Kind::object:
      json.begin_object();
      for (const auto& [name, member] : value.members) {
        json.key(name);
        write(json, member);
      }
      json.end_object();
      break;
  }
}

}  // namespace

const JsonValue* JsonValue::member(std::string_view name) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const auto& it) { return it.first == name; });
  return found == members.end() ? nullptr : &found->second;
}

base::Result<JsonValue> parse_json(std::string_view text) {
  return Parser(text).run();
}

std::string write_json(const JsonValue& value) {
  std::string out;
  base::JsonWriter json(out, {.indent = 2, .escapes = base::JsonEscapes::page});
  write(json, value);
  return out + "\n";
}

}  // namespace heapwatch::pprof::web
