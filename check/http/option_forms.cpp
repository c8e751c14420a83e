#include "check/http/option_forms.h"

#include <algorithm>
#include <cctype>

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

bool is_header_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 ||
                        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                            std::string_view::npos);
  });
}

bool is_header_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace heapwatch::check::http
