#include "config/secret_answers.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace heapwatch::config {

namespace {

/// The four hexadecimal digits of a `\uXXXX` at `at`, or -1.
int unicode_escape(std::string_view json, std::size_t at) {
  constexpr std::size_t escape_bytes = 6;
  if (json.size() < at + escape_bytes || json[at] != '\\' || json[at + 1] != 'u') {
    return -1;
  }
  int value = 0;
  for (const char c : json.substr(at + 2, 4)) {
    const int digit = base::hex_value(c);
    if (digit < 0) {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

/// JSON is YAML but for two things: tabs between the tokens, and characters beyond 16 bits written
/// as two escapes.
std::string json_as_yaml(std::string_view json) {
  std::string yaml;
  yaml.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const int high = unicode_escape(json, i);
    const int low = unicode_escape(json, i + 6);
    if (high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
      const auto point = 0x10000U + (static_cast<unsigned>(high - 0xd800) << 10U) +
                         static_cast<unsigned>(low - 0xdc00);
      yaml += "\\U";
      base::append_hex(yaml, point, 8);
      i += 11;
    } else if (json[i] == '\\' && i + 1 < json.size()) {
      yaml += json.substr(i, 2);
      ++i;
    } else {
      yaml += json[i] == '\t' ? ' ' : json[i];
    }
  }
  return yaml;
}

void mask(std::string& text, std::string_view secret) {
  static constexpr std::string_view stars = "********";
  for (std::size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos;
       at += stars.size()) {
    text.replace(at, secret.size(), stars);
  }
}

/// The parts of an output, whatever its form, that could be secrets of themselves: texts between
/// what JSON puts around them, and the lines of each.
std::vector<std::string> words_of(std::string_view output) {
  constexpr std::size_t bytes_min = 4;
  static constexpr std::string_view separators = "\"{}[],: \t\r\n";
  std::vector<std::string> words;
  while (!output.empty()) {
    const auto end = std::min(output.find_first_of(separators), output.size());
    if (end >= bytes_min) {
      words.emplace_back(output.substr(0, end));
    }
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return words;
}

void add_texts(const Value& value, std::vector<std::string>& texts) {
  if (value.kind == Value::Kind::scalar) {
    texts.push_back(value.text);
    const auto lines = words_of(value.text);
    texts.insert(texts.end(), lines.begin(), lines.end());
  }
  for (const Value& item : value.items) {
    add_texts(item, texts);
  }
  for (const Value::Member& member : value.members) {
    add_texts(member.value, texts);
  }
}

/// Hides the secret of every answer.
void mask_values(std::string& text, const Value& answer) {
  for (const Value::Member& member : answer.members) {
    if (const Value* const value = member.value.find("value")) {
      mask(text, value->text);
    }
  }
}

std::string without_line_breaks(std::string text) {
  text.resize(text.find_last_not_of("\r\n") + 1);
  return text;
}

/// Hides what is left of a secret where a text was cut.
void mask_cut_end(std::string& text, std::string_view secret) {
  constexpr std::size_t bytes_min = 4;
  for (std::size_t bytes = std::min(secret.size(), text.size()); bytes >= bytes_min; --bytes) {
    if (text.ends_with(secret.substr(0, bytes))) {
      text.replace(text.size() - bytes, bytes, "********");
      return;
    }
  }
}

}  // namespace

std::string secret_request(const std::set<std::string>& handles) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  json.member("version", "1.0");
  json.member("secrets", handles);
  json.end_object();
  return text;
}

SecretOutput::SecretOutput(std::string_view written) {
  Diagnostics complaints;
  answer_ = parse_yaml(json_as_yaml(written), "", complaints);
  is_right_ = !complaints.has_errors() && answer_.kind == Value::Kind::map;
  texts_ = words_of(written);
  add_texts(answer_, texts_);
  std::erase_if(texts_, [&](const std::string& text) {
    return text.empty() || text == "value" || text == "error" || text == "null" ||
           answer_.find(text) != nullptr;
  });
  std::sort(texts_.begin(), texts_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
}

std::string SecretOutput::without_answers(std::string said, std::size_t bytes_max) const {
  constexpr std::size_t texts_max = 1000;
  if (!said.empty() && texts_.size() > texts_max) {
    return "more than can be searched for secrets";
  }
  const bool is_cut = said.size() >= bytes_max;
  for (const std::string& text : texts_) {
    mask(said, text);
    if (is_cut) {
      mask_cut_end(said, text);
    }
  }
  said.erase(said.find_last_not_of(" \t\r\n") + 1);
  return said.empty() ? said : shown(Value::scalar(said));
}

base::Result<SecretAnswers> SecretOutput::answers(const std::set<std::string>& handles,
                                                  const SecretsConfig& config) const {
  const std::string program = config.command.string();
  if (!is_right_) {
    return base::fail(base::ErrorKind::invalid,
                      program + R"( must write {"HANDLE": {"value": "...", "error": null}}, and )"
                                "wrote something else");
  }
  SecretAnswers answers;
  for (const std::string& handle : handles) {
    SecretAnswer& entry = answers[handle];
    const Value* const given = answer_.find(handle);
    const Value* const value = given == nullptr ? nullptr : given->find("value");
    const Value* const error = given == nullptr ? nullptr : given->find("error");
    if (given == nullptr) {
      entry.failure = program + " did not answer for it";
    } else if (error != nullptr && !error->text.empty()) {
      Value complaint = *error;  // may hold a secret itself
      mask_values(complaint.text, answer_);
      entry.failure = program + " says " + shown(complaint);
    } else if (value != nullptr) {
      entry.value =
          config.remove_trailing_line_break ? without_line_breaks(value->text) : value->text;
    }
    if (entry.failure.empty() && entry.value.empty()) {
      entry.failure = program + " gave no text, or an empty one";
    }
  }
  return answers;
}

}  // namespace heapwatch::config
