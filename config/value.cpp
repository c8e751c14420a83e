#include "config/value.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <unordered_set>

#include "base/text.h"
#include "base/utf8.h"

namespace heapwatch::config {

namespace {

constexpr std::size_t shown_bytes_max = 80;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::optional<base::Number> based_integer(bool negative, std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, failure] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (failure != std::errc{} || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  const auto number = base::Number::of(value);
  return negative ? base::Number::of(0) - number : number;
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      base::append_hex(out, byte, 2);
    } else {
      out += c;
    }
  }
}

bool is_null_word(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// Text that means itself without quotes, wherever it stands.
bool is_plain(std::string_view text) {
  const auto letter_or_digit = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || std::isalnum(byte) != 0;
  };
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (is_null_word(text) || text == "<<" || text.starts_with(byte_order_mark)) {
    return false;
  }
  const char first = text.front();
  const bool signed_number = text.size() > 1 && (first == '-' || first == '+' || first == '.') &&
                             text[1] != '-' && text[1] != '.' && text[1] != ' ';
  if (!letter_or_digit(first) && first != '_' && first != '/' && !signed_number) {
    return false;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool inner = text[i] == ' ' || text[i] == ':';
    if (inner ? next == ' ' || next == ':'
              : !letter_or_digit(text[i]) &&
                    std::string_view("_./-+=@~$^()%;").find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

void append_scalar(std::string& out, std::string_view text, bool quoted) {
  if (!quoted && is_plain(text)) {
    out += text;
    return;
  }
  out += '"';
  append_escaped(out, text);
  out += '"';
}

/// Continues a line; whatever needs lines of its own begins with a line feed and `indent`.
void append_yaml(std::string& out, const Value& value, std::size_t indent, bool starts_line) {
  const auto lines = [&](const auto& entries, const auto& append_entry) {
    bool first = true;
    for (const auto& entry : entries) {
      if (!first || !starts_line) {
        out += '\n';
        out.append(indent, ' ');
      }
      first = false;
      append_entry(entry);
    }
  };
  switch (value.kind) {
    case Value::Kind::null:
      out += "null";
      return;
    case Value::Kind::scalar:
      if (value.secret_handle.empty()) {
        append_scalar(out, value.text, value.quoted);
      } else {
        append_scalar(out, "ENC[" + value.secret_handle + "]", true);
      }
      return;
    case Value::Kind::list:
      if (value.items.empty()) {
        out += "[]";
      }
      lines(value.items, [&](const Value& item) {
        out += "- ";
        append_yaml(out, item, indent + 2, true);
      });
      return;
    case Value::Kind::map:
      if (value.members.empty()) {
        out += "{}";
      }
      lines(value.members, [&](const Value::Member& member) {
        append_scalar(out, member.key, false);
        const bool nested = !member.value.items.empty() || !member.value.members.empty();
        out += nested ? ":" : ": ";
        append_yaml(out, member.value, indent + 2, false);
      });
      return;
  }
}

}  // namespace

Value Value::scalar(std::string text, bool quoted) {
  Value value;
  value.kind = Kind::scalar;
  value.quoted = quoted;
  value.text = std::move(text);
  return value;
}

const Value* Value::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string to_text(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.line > 0) {
    text += ":" + std::to_string(diagnostic.line);
    if (diagnostic.column > 0) {
      text += ":" + std::to_string(diagnostic.column);
    }
  }
  return text.empty() ? diagnostic.message : text + ": " + diagnostic.message;
}

void Diagnostics::error(std::string_view file, int line, int column, std::string message) {
  all_.push_back(
      {Diagnostic::Severity::error, std::string(file), line, column, std::move(message)});
}

void Diagnostics::warning(std::string_view file, int line, int column, std::string message) {
  all_.push_back(
      {Diagnostic::Severity::warning, std::string(file), line, column, std::move(message)});
}

std::size_t Diagnostics::error_count() const {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const Diagnostic& diagnostic) {
        return diagnostic.severity == Diagnostic::Severity::error;
      }));
}

void Diagnostics::append(const Diagnostics& other) {
  if (other.all_.empty()) {
    return;
  }
  std::unordered_set<std::string> texts;
  for (const Diagnostic& diagnostic : all_) {
    texts.insert(to_text(diagnostic));
  }
  for (const Diagnostic& diagnostic : other.all_) {
    if (texts.insert(to_text(diagnostic)).second) {
      all_.push_back(diagnostic);
    }
  }
}

std::string shown(const Value& value) {
  if (!value.secret_handle.empty()) {
    return "a secret";
  }
  switch (value.kind) {
    case Value::Kind::null:
      return "nothing";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
    case Value::Kind::scalar:
      break;
  }
  if (!is_text(value)) {
    return std::string(base::whole_characters(value.text, shown_bytes_max));
  }
  std::string text = "\"";
  const auto part = base::whole_characters(value.text, shown_bytes_max);
  append_escaped(text, part);
  text += part.size() < value.text.size() ? "..." : "";
  return text + '"';
}

std::string shown_handle(const Value& value) {
  return value.secret_handle.empty() ? std::string() : "ENC[" + value.secret_handle + "]";
}

std::optional<base::Number> read_number(const Value& value) {
  if (value.kind != Value::Kind::scalar || value.text.empty()) {
    return std::nullopt;
  }
  std::string digits = value.text;
  if (std::isdigit(static_cast<unsigned char>(digits.front())) != 0 || digits.size() > 1) {
    const auto begins_at = digits.front() == '-' || digits.front() == '+' ? 1U : 0U;
    if (std::isdigit(static_cast<unsigned char>(digits[begins_at])) != 0) {
      digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    }
  }
  const bool negative = digits.front() == '-';
  std::string_view unsigned_text = digits;
  if (negative || digits.front() == '+') {
    unsigned_text.remove_prefix(1);
  }
  static constexpr std::array<std::pair<std::string_view, int>, 6> prefixes{
      {{"0x", 16}, {"0X", 16}, {"0b", 2}, {"0B", 2}, {"0o", 8}, {"0O", 8}}};
  for (const auto& [prefix, base] : prefixes) {
    if (unsigned_text.starts_with(prefix)) {
      return based_integer(negative, unsigned_text.substr(prefix.size()), base);
    }
  }
  const bool only_digits = std::all_of(unsigned_text.begin(), unsigned_text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (only_digits && unsigned_text.size() > 1 && unsigned_text.front() == '0') {
    return based_integer(negative, unsigned_text.substr(1), 8);
  }
  return unsigned_text.starts_with('-') || unsigned_text.starts_with('+')
             ? std::nullopt
             : base::parse_number(negative ? digits : std::string(unsigned_text));
}

std::optional<bool> read_boolean(const Value& value) {
  if (value.kind != Value::Kind::scalar) {
    return std::nullopt;
  }
  static constexpr std::array<std::string_view, 6> yes{"true", "yes", "on", "y", "t", "1"};
  static constexpr std::array<std::string_view, 6> no{"false", "no", "off", "n", "f", "0"};
  const std::string word = lower_case(value.text);
  if (std::find(yes.begin(), yes.end(), word) != yes.end()) {
    return true;
  }
  return std::find(no.begin(), no.end(), word) != no.end() ? std::optional(false) : std::nullopt;
}

bool is_text(const Value& value) {
  if (value.kind != Value::Kind::scalar) {
    return false;
  }
  if (value.quoted) {
    return true;
  }
  // A lone letter is a boolean only to those who ask for one.
  const bool word = value.text.size() > 1 && read_boolean(value).has_value();
  return !word && !read_number(value).has_value();
}

Value without_handles(Value value) {
  value.quoted = value.quoted || !value.secret_handle.empty();
  value.secret_handle.clear();
  for (Value& item : value.items) {
    item = without_handles(std::move(item));
  }
  for (Value::Member& member : value.members) {
    member.value = without_handles(std::move(member.value));
  }
  return value;
}

std::string to_yaml(const Value& value) {
  std::string out;
  append_yaml(out, value, 0, true);
  out += '\n';
  return out;
}

}  // namespace heapwatch::config
