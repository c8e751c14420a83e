#include "config/section.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/nearest.h"

namespace heapwatch::config {

namespace {

bool holds_password(std::string_view key) {
  constexpr std::array<std::string_view, 4> words{"password", "client_secret", "credentials",
                                                  "bearer_token"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return key.find(word) != std::string_view::npos;
  });
}

std::string number_text(double number) {
  return base::to_text(base::Number::of(number));
}

}  // namespace

Section::Section(const Value& value, std::string_view file, Diagnostics& diagnostics,
                 std::string path)
    : value_(&value), file_(file), diagnostics_(&diagnostics), path_(std::move(path)) {
  if (value.kind == Value::Kind::list || value.kind == Value::Kind::scalar) {
    must_be(path_.empty() ? "the file" : path_, "a map of keys and values", value);
  }
}

std::optional<std::string> Section::text(std::string_view key) {
  const Value* const value = present(key);
  return value == nullptr ? std::nullopt : text_of(name_of(key), *value);
}

std::optional<bool> Section::boolean(std::string_view key) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto read = read_boolean(*value);
  if (!read) {
    must_be(name_of(key), "true or false", *value);
  }
  return read;
}

std::optional<double> Section::number(std::string_view key, Range range) {
  return number_of(key, range, "a number");
}

std::optional<std::chrono::milliseconds> Section::seconds(std::string_view key, Range range) {
  const auto seconds = number_of(key, range, "a number of seconds");
  return seconds ? std::optional(std::chrono::milliseconds(std::llround(*seconds * 1000)))
                 : std::nullopt;
}

std::optional<double> Section::number_of(std::string_view key, Range range, std::string what) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto read = read_number(*value);
  if (read && read->to_double() >= range.min && read->to_double() <= range.max) {
    return read->to_double();
  }
  constexpr Range any;
  if (range.min != any.min && range.max != any.max) {
    what += " from " + number_text(range.min) + " to " + number_text(range.max);
  } else if (range.min != any.min) {
    what += " of at least " + number_text(range.min);
  } else if (range.max != any.max) {
    what += " of at most " + number_text(range.max);
  }
  must_be(name_of(key), what, *value);
  return std::nullopt;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t min,
                                             std::int64_t max) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  const auto read = read_number(*value);
  const auto whole = read ? read->to_int64() : std::nullopt;
  if (whole && *whole >= min && *whole <= max) {
    return whole;
  }
  std::string what = "a whole number";
  if (max != std::numeric_limits<std::int64_t>::max()) {
    what += " from " + std::to_string(min) + " to " + std::to_string(max);
  } else if (min != std::numeric_limits<std::int64_t>::min()) {
    what += " of at least " + std::to_string(min);
  }
  must_be(name_of(key), what, *value);
  return std::nullopt;
}

std::optional<std::vector<std::string>> Section::texts(std::string_view key) {
  const Value* const value = raw(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::list && value->kind != Value::Kind::null) {
    must_be(name_of(key), "a list of strings", *value);
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    auto item = text_of(name_of(key) + " -> " + std::to_string(i + 1), value->items[i]);
    if (item) {
      texts.push_back(std::move(*item));
    }
  }
  return texts.size() == value->items.size() ? std::optional(std::move(texts)) : std::nullopt;
}

std::optional<std::vector<std::pair<std::string, std::string>>> Section::text_map(
    std::string_view key) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::map) {
    must_be(name_of(key), "a map of names to values", *value);
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Value::Member& member : value->members) {
    if (member.value.kind == Value::Kind::scalar) {
      pairs.emplace_back(member.key, member.value.text);
    } else {
      must_be(name_of(key) + " -> " + member.key, "a string", member.value);
    }
  }
  return pairs.size() == value->members.size() ? std::optional(std::move(pairs)) : std::nullopt;
}

std::optional<Section> Section::section(std::string_view key) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  Section nested(*value, file_, *diagnostics_, name_of(key));
  return value->kind == Value::Kind::map ? std::optional(std::move(nested)) : std::nullopt;
}

std::optional<std::vector<Section>> Section::sections(std::string_view key) {
  const Value* const value = raw(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind != Value::Kind::list && value->kind != Value::Kind::null) {
    must_be(name_of(key), "a list of maps", *value);
    return std::nullopt;
  }
  std::vector<Section> sections;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const std::string name = name_of(key) + " -> " + std::to_string(i + 1);
    if (value->items[i].kind == Value::Kind::map) {
      sections.emplace_back(value->items[i], file_, *diagnostics_, name);
    } else {
      must_be(name, "a map of keys and values", value->items[i]);
    }
  }
  return sections;
}

const Value* Section::raw(std::string_view key) {
  known_.emplace_back(key);
  return value_->find(key);
}

void Section::error(std::string_view key, std::string message) {
  const Value* const value = value_->find(key);
  const Value& place = value == nullptr ? *value_ : *value;
  diagnostics_->error(file_, place.line, place.column, std::move(message));
}

void Section::warning(std::string_view key, std::string message) {
  const Value* const value = value_->find(key);
  const Value& place = value == nullptr ? *value_ : *value;
  diagnostics_->warning(file_, place.line, place.column, std::move(message));
}

std::string Section::name_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + " -> " + std::string(key);
}

void Section::ignore(std::span<const std::string_view> keys) {
  known_.insert(known_.end(), keys.begin(), keys.end());
}

void Section::finish() {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const Value::Member& member : value_->members) {
    if (std::find(known.begin(), known.end(), member.key) != known.end()) {
      continue;
    }
    const bool glued =
        member.value.kind == Value::Kind::null && member.key.find(':') != std::string::npos;
    diagnostics_->warning(file_, member.line, member.column,
                          "unknown key \"" + member.key + '"' +
                              (glued ? "; a space is missing after the colon"
                                     : base::did_you_mean(member.key, known)));
  }
}

std::optional<std::size_t> Section::index_of_word(std::string_view key,
                                                  std::span<const std::string_view> words,
                                                  std::string_view what) {
  const Value* const value = present(key);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->kind == Value::Kind::scalar) {
    const auto found = std::find(words.begin(), words.end(), value->text);
    if (found != words.end()) {
      return static_cast<std::size_t>(found - words.begin());
    }
  }
  std::string message = "unknown " + (what.empty() ? name_of(key) : std::string(what)) + " " +
                        shown(*value) + base::did_you_mean(value->text, words);
  message += message.ends_with('?') ? " one of " : "; one of ";
  for (std::size_t i = 0; i < words.size(); ++i) {
    message += (i == 0 ? "" : ", ") + std::string(words[i]);
  }
  diagnostics_->error(file_, value->line, value->column, std::move(message));
  return std::nullopt;
}

const Value* Section::present(std::string_view key) {
  const Value* const value = raw(key);
  return value == nullptr || value->kind == Value::Kind::null ? nullptr : value;
}

void Section::must_be(std::string_view name, std::string_view what, const Value& value) {
  const std::string written = holds_password(name) ? "what is there" : shown(value);
  diagnostics_->error(file_, value.line, value.column,
                      std::string(name) + " must be " + std::string(what) + ", not " + written);
}

std::optional<std::string> Section::text_of(const std::string& name, const Value& value) {
  if (is_text(value)) {
    return value.text;
  }
  if (value.kind != Value::Kind::scalar) {
    must_be(name, "a string", value);
    return std::nullopt;
  }
  diagnostics_->error(file_, value.line, value.column,
                      name + " must be a string, not " +
                          (holds_password(name) ? "a number or a boolean" : shown(value)) +
                          " (put it in quotes)");
  return std::nullopt;
}

}  // namespace heapwatch::config
