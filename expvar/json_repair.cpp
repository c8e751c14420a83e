#include "expvar/json_repair.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "expvar/value.h"

namespace heapwatch::expvar {

namespace {

constexpr std::string_view replacement_character = "\\ufffd";

bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_number(std::string_view text) {
  text.remove_prefix(text.starts_with('-') ? 1 : 0);
  const auto decimal = read_decimal(text);
  return decimal && decimal->whole > 0 && (decimal->whole == 1 || text[0] != '0') &&
         (decimal->has_point == (decimal->fraction > 0));
}

bool is_word(std::string_view text) {
  return text == "true" || text == "false" || text == "null" || text == "NaN" ||
         text == "Infinity" || text == "-Infinity";
}

/// The number that `digits` hexadecimal digits at `at` write.
std::optional<std::uint32_t> hexadecimal(std::string_view text, std::size_t at,
                                         std::size_t digits) {
  if (at + digits > text.size()) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  const char* const last = text.data() + at + digits;
  const auto read = std::from_chars(text.data() + at, last, value, 16);
  return read.ec == std::errc{} && read.ptr == last ? std::optional(value) : std::nullopt;
}

void append_unit(std::string& out, std::uint32_t unit) {
  out += "\\u";
  base::append_hex(out, unit, 4);
}

class Repair {
 public:
  Repair(std::string_view page, RepairedPage& out) : page_(page), out_(out) {}

  void run() {
    while (at_ < page_.size()) {
      const char c = page_[at_];
      if (is_json_space(c)) {
        copy(1);
      } else if (c == '"') {
        string();
        value_missing_ = false;
      } else if (c == '{' || c == '[') {
        containers_ += c;
        value_missing_ = false;
        value_possible_ = c == '[';
        copy(1);
      } else if (c == ',' || c == '}' || c == ']') {
        end_of_value(c);
      } else if (c == ':') {
        value_missing_ = true;
        value_possible_ = true;
        copy(1);
      } else {
        bare_word();
      }
    }
  }

 private:
  void copy(std::size_t bytes) {
    out_.text += page_.substr(at_, bytes);
    at_ += bytes;
  }

  /// Writes `text` for the next `bytes` bytes.
  void replace(std::size_t bytes, std::string_view text) {
    out_.text += text;
    at_ += bytes;
    out_.shifts.push_back({.offset = out_.text.size(), .original = at_});
  }

  void replace_member(std::size_t bytes) {
    if (out_.members++ == 0) {
      out_.first_member_at = at_;
    }
    replace(bytes, "null");
  }

  void end_of_value(char c) {
    if (value_missing_) {
      replace_member(0);
    }
    value_missing_ = false;
    if (c != ',' && !containers_.empty()) {
      containers_.pop_back();
    }
    value_possible_ = c == ',' && !containers_.empty() && containers_.back() == '[';
    copy(1);
  }

  void bare_word() {
    std::size_t end = page_.find_first_of(",]}{[\":\n", at_);
    end = std::min(end, page_.size());
    while (is_json_space(page_[end - 1])) {
      --end;
    }
    const std::string_view word = page_.substr(at_, end - at_);
    // A value behind which something is missing; the parser says what.
    if (const auto first = word.substr(0, word.find_first_of(" \t\r"));
        first.size() < word.size() && (is_word(first) || is_number(first))) {
      copy(word.size());
      return;
    }
    const bool reads_as_number = is_number(word);
    const auto number = reads_as_number ? read_json_number(word) : base::Number();
    if (is_word(word) || !value_possible_ || (reads_as_number && number.is_finite())) {
      copy(word.size());
    } else if (!reads_as_number) {
      replace_member(word.size());
    } else {
      replace(word.size(), number.is_negative() ? "-Infinity" : "Infinity");
    }
    value_missing_ = false;
    value_possible_ = false;
  }

  void string() {
    copy(1);
    while (at_ < page_.size()) {
      const std::size_t stop = std::min(page_.find_first_of("\"\\", at_), page_.size());
      copy(stop - at_);
      if (at_ == page_.size()) {
        return;
      }
      if (page_[at_] == '"') {
        copy(1);
        return;
      }
      escape();
    }
  }

  void escape() {
    const char letter = at_ + 1 < page_.size() ? page_[at_ + 1] : '\0';
    if (letter == 'a' || letter == 'v') {
      replace(2, letter == 'a' ? "\\u0007" : "\\u000b");
    } else if (letter == 'x') {
      escape_byte();
    } else if (letter == 'U') {
      escape_code_point();
    } else if (letter == 'u') {
      escape_unit();
    } else {
      copy(std::min<std::size_t>(2, page_.size() - at_));
    }
  }

  void escape_byte() {
    const auto byte = hexadecimal(page_, at_ + 2, 2);
    if (!byte) {
      copy(2);
      return;
    }
    std::string text;
    append_unit(text, *byte < 0x80 ? *byte : 0xfffd);  // %q writes \x80 for what is no UTF-8
    replace(4, text);
  }

  void escape_code_point() {
    const auto point = hexadecimal(page_, at_ + 2, 8);
    if (!point || *point > 0x10ffff) {
      copy(2);
      return;
    }
    std::string text;
    if (*point < 0x10000) {
      append_unit(text, *point >= 0xd800 && *point < 0xe000 ? 0xfffd : *point);
    } else {
      append_unit(text, 0xd800 + ((*point - 0x10000) >> 10U));
      append_unit(text, 0xdc00 + ((*point - 0x10000) & 0x3ffU));
    }
    replace(10, text);
  }

  void escape_unit() {
    const auto unit = hexadecimal(page_, at_ + 2, 4);
    if (!unit || *unit < 0xd800 || *unit >= 0xe000) {
      copy(2);
      return;
    }
    const bool next = page_.substr(at_ + 6, 2) == "\\u";
    const auto low = next ? hexadecimal(page_, at_ + 8, 4) : std::nullopt;
    if (*unit < 0xdc00 && low && *low >= 0xdc00 && *low < 0xe000) {
      copy(12);
    } else {
      replace(6, replacement_character);
    }
  }

  std::string_view page_;
  RepairedPage& out_;
  std::size_t at_ = 0;
  std::string containers_;       // the brackets that are open
  bool value_missing_ = false;   // after a colon, before its value
  bool value_possible_ = false;  // a bare word here is a member's or element's value
};

}  // namespace

std::size_t RepairedPage::original_offset(std::size_t offset) const {
  const auto after =
      std::upper_bound(shifts.begin(), shifts.end(), offset,
                       [](std::size_t o, const Shift& shift) { return o < shift.offset; });
  const Shift shift = after == shifts.begin() ? Shift{} : *(after - 1);
  const std::size_t original = shift.original + (offset - shift.offset);
  // Within what was made longer, not beyond the place that it stands for.
  return after == shifts.end() ? original : std::min(original, after->original);
}

void repair(std::string_view page, RepairedPage& out) {
  out.text.clear();
  out.shifts.clear();
  out.members = 0;
  out.first_member_at = 0;
  Repair(page, out).run();
}

}  // namespace heapwatch::expvar
