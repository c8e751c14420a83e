#include "check/http/option_forms.h"

#include "config/check_config.h"

namespace heapwatch::check::http {

using config::Section;
using config::Value;

bool is_set(Section& section, std::string_view key) {
  const Value* const value = section.raw(key);
  return value != nullptr && value->kind != Value::Kind::null;
}

std::string_view current_name(Section& section, std::string_view name, std::string_view old_name) {
  const bool old_is_set = is_set(section, old_name);
  return old_is_set && !is_set(section, name) ? old_name : name;
}

bool lenient_boolean(Section& section, std::string_view key, bool absent) {
  const Value* const value = section.raw(key);
  if (value == nullptr || value->kind != Value::Kind::scalar || config::read_boolean(*value)) {
    return section.boolean(key).value_or(absent);
  }
  section.warning(key, section.name_of(key) + " must be true or false, not " +
                           config::shown(*value) + "; taken as false");
  return false;
}

std::string expanded(std::string path) {
  if (path == "~" || path.starts_with("~/")) {
    if (const auto home = config::process_environment("HOME")) {
      path.replace(0, 1, *home);
    }
  }
  return path;
}

}  // namespace heapwatch::check::http
