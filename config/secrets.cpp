#include "config/secrets.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "config/secret_backend.h"

namespace heapwatch::config {

namespace {

void append_json_string(std::string& out, std::string_view text) {
  static constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string request_text(const std::set<std::string>& handles) {
  std::string text = R"({"version":"1.0","secrets":[)";
  bool first = true;
  for (const std::string& handle : handles) {
    text += first ? "" : ",";
    first = false;
    append_json_string(text, handle);
  }
  return text + "]}";
}

/// The four hexadecimal digits of a `\uXXXX` at `at`, or -1.
int unicode_escape(std::string_view json, std::size_t at) {
  constexpr std::size_t escape_bytes = 6;
  if (json.size() < at + escape_bytes || json[at] != '\\' || json[at + 1] != 'u') {
    return -1;
  }
  int value = 0;
  for (const char c : json.substr(at + 2, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
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
  static constexpr std::string_view hex = "0123456789abcdef";
  std::string yaml;
  yaml.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const int high = unicode_escape(json, i);
    const int low = unicode_escape(json, i + 6);
    if (high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
      const auto point = 0x10000U + (static_cast<unsigned>(high - 0xd800) << 10U) +
                         static_cast<unsigned>(low - 0xdc00);
      yaml += "\\U";
      for (int shift = 28; shift >= 0; shift -= 4) {
        yaml += hex[(point >> static_cast<unsigned>(shift)) & 0xfU];
      }
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

/// Every scalar below `value` that is an ENC[handle].
void collect(Value& value, std::vector<std::pair<Value*, std::string>>& found) {
  if (auto handle = secret_handle(value)) {
    found.emplace_back(&value, std::move(*handle));
  }
  for (Value& item : value.items) {
    collect(item, found);
  }
  for (Value::Member& member : value.members) {
    collect(member.value, found);
  }
}

std::string without_line_breaks(std::string text) {
  text.resize(text.find_last_not_of("\r\n") + 1);
  return text;
}

std::atomic<bool (*)()> told_to_stop{nullptr};

void mask(std::string& text, std::string_view secret) {
  static constexpr std::string_view stars = "********";
  for (std::size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos;
       at += stars.size()) {
    text.replace(at, secret.size(), stars);
  }
}

/// What the program says went wrong, which may be the secret itself.
std::string complaint(Value error, const Value* value) {
  mask(error.text, value == nullptr ? "" : value->text);
  return shown(error);
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

/// The program's standard error without anything that it answered, the longest first, since one
/// secret may hold another. Handles are none.
std::string without_answers(std::string said, const std::string& output, const Value& answer) {
  constexpr std::size_t texts_max = 1000;
  std::vector<std::string> texts = words_of(output);
  add_texts(answer, texts);
  std::erase_if(texts, [&](const std::string& text) {
    return text.empty() || text == "value" || text == "error" || text == "null" ||
           answer.find(text) != nullptr;
  });
  std::sort(texts.begin(), texts.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (texts.size() > texts_max) {
    return "more than can be searched for secrets";
  }
  for (const std::string& text : texts) {
    mask(said, text);
  }
  said.erase(said.find_last_not_of(" \t\r\n") + 1);
  return said.empty() ? said : shown(Value::scalar(said));
}

}  // namespace

SecretResolver::SecretResolver(SecretsConfig config) : config_(std::move(config)) {}

void SecretResolver::resolve(Value& value, std::string_view file, Diagnostics& diagnostics) {
  std::vector<std::pair<Value*, std::string>> found;
  collect(value, found);
  if (found.empty()) {
    return;
  }
  const std::lock_guard lock(mutex_);
  std::set<std::string> unknown;
  for (const auto& [scalar, handle] : found) {
    if (!handle.empty() && !known_.contains(handle)) {
      unknown.insert(handle);
    }
  }
  base::Result<Answers> answers;
  if (!unknown.empty()) {
    std::string said;
    answers = ask(unknown, said);
    if (!said.empty()) {
      diagnostics.warning(file, 0, 0, config_.command.string() + " says " + said);
    }
  }
  if (answers) {
    for (auto& [handle, answer] : *answers) {
      if (answer.failure.empty()) {
        known_[handle] = std::move(answer.value);
      }
    }
  }
  for (const auto& [scalar, handle] : found) {
    const auto known = known_.find(handle);
    if (known != known_.end()) {
      scalar->text = known->second;
      scalar->secret_handle = handle;
      scalar->quoted = true;
      continue;
    }
    const std::string why = handle.empty() ? "it names no handle"
                            : answers      ? answers->at(handle).failure
                                           : answers.error().message;
    diagnostics.error(file, scalar->line, scalar->column,
                      std::string("no secret for ENC[").append(handle).append("]: ").append(why));
    scalar->kind = Value::Kind::null;  // the handle is no value for anybody
    scalar->text.clear();
  }
}

base::Result<SecretResolver::Answers> SecretResolver::ask(const std::set<std::string>& handles,
                                                          std::string& said) {
  if (config_.command.empty()) {
    return base::fail(base::ErrorKind::invalid, "secret_backend_command is not set");
  }
  const std::string program = config_.command.string();
  if (gave_up_) {
    return tl::unexpected(*gave_up_);
  }
  const SecretBackendAnswer run =
      run_secret_backend(config_, request_text(handles), told_to_stop.load());
  Diagnostics complaints;
  const Value answer = parse_yaml(json_as_yaml(run.written), "", complaints);
  said = without_answers(run.complaints, run.written, answer);
  if (!run.output) {
    if (run.output.error().kind == base::ErrorKind::timeout) {
      gave_up_ = base::Error{base::ErrorKind::timeout,
                             run.output.error().message + " for another file; not asked again"};
    }
    return tl::unexpected(run.output.error());
  }
  if (complaints.has_errors() || answer.kind != Value::Kind::map) {
    return base::fail(base::ErrorKind::invalid,
                      program + R"( must write {"HANDLE": {"value": "...", "error": null}}, and )"
                                "wrote something else");
  }
  Answers answers;
  for (const std::string& handle : handles) {
    Answer& entry = answers[handle];
    const Value* const given = answer.find(handle);
    const Value* const value = given == nullptr ? nullptr : given->find("value");
    const Value* const error = given == nullptr ? nullptr : given->find("error");
    if (given == nullptr) {
      entry.failure = program + " did not answer for it";
    } else if (error != nullptr && !error->text.empty()) {
      entry.failure = program + " says " + complaint(*error, value);
    } else if (value != nullptr) {
      entry.value =
          config_.remove_trailing_line_break ? without_line_breaks(value->text) : value->text;
    }
    if (entry.failure.empty() && entry.value.empty()) {
      entry.failure = program + " gave no text, or an empty one";
    }
  }
  return answers;
}

void give_up_on_secrets_when(bool (*says_so)()) {
  told_to_stop.store(says_so);
}

std::optional<std::string> secret_handle(const Value& value) {
  if (value.kind != Value::Kind::scalar || !value.secret_handle.empty()) {
    return std::nullopt;
  }
  static constexpr std::string_view blank = " \t";
  static constexpr std::string_view opening = "ENC[";
  std::string_view text = value.text;
  text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
  text = text.substr(0, text.find_last_not_of(blank) + 1);
  if (!text.starts_with(opening) || !text.ends_with(']')) {
    return std::nullopt;
  }
  text.remove_prefix(opening.size());
  text.remove_suffix(1);
  return std::string(text);
}

}  // namespace heapwatch::config
