#include "config/templates.h"

#include <algorithm>

namespace heapwatch::config {

namespace {

constexpr std::string_view opening = "%%env_";
constexpr std::string_view closing = "%%";

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
  });
}

void substitute_scalar(Value& scalar, const ConfdOptions& options, std::string_view file,
                       Diagnostics& diagnostics) {
  std::string text;
  std::string_view rest = scalar.text;
  bool changed = false;
  while (true) {
    const auto begin = rest.find(opening);
    const auto end = begin == std::string_view::npos ? std::string_view::npos
                                                     : rest.find(closing, begin + opening.size());
    if (end == std::string_view::npos) {
      break;
    }
    const auto name = rest.substr(begin + opening.size(), end - begin - opening.size());
    if (!is_variable_name(name)) {
      text += rest.substr(0, begin + opening.size());
      rest.remove_prefix(begin + opening.size());
      continue;
    }
    text += rest.substr(0, begin);
    rest.remove_prefix(end + closing.size());
    const auto& allowed = options.allowed_env_vars;
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      diagnostics.error(
          file, scalar.line, scalar.column,
          "environment variable " + std::string(name) + " is not in ad_allowed_env_vars");
      return;
    }
    const auto value = options.environment(name);
    if (!value) {
      diagnostics.error(file, scalar.line, scalar.column,
                        "environment variable " + std::string(name) + " is not set");
      return;
    }
    text += *value;
    changed = true;
  }
  if (changed) {
    scalar.text = text.append(rest);
    scalar.quoted = true;
  }
}

}  // namespace

void substitute_variables(Value& value, const ConfdOptions& options, std::string_view file,
                          Diagnostics& diagnostics) {
  if (value.kind == Value::Kind::scalar) {
    substitute_scalar(value, options, file, diagnostics);
  }
  for (Value& item : value.items) {
    substitute_variables(item, options, file, diagnostics);
  }
  for (Value::Member& member : value.members) {
    substitute_variables(member.value, options, file, diagnostics);
  }
}

}  // namespace heapwatch::config
