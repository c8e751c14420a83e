#include "pprof/web/settings.h"

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/text.h"

namespace heapwatch::pprof::web {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using Kind = JsonValue::Kind;

constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t name_bytes_max = 200;
constexpr std::string_view list_name = "configs";

bool is_kept(const Option& option) {
  return !option.url.empty() && option.name != "sample_index";
}

std::string name_of(const JsonValue& config) {
  const JsonValue* const name = config.member("name");
  return name == nullptr ? "" : name->text;
}

bool is_number(const Option& option) {
  return std::holds_alternative<std::int64_t ReportOptions::*>(option.member) ||
         std::holds_alternative<double ReportOptions::*>(option.member);
}

/// The value that is left out of the file.
std::string zero_of(const Option& option) {
  return is_number(option) ? "0" : option.is_switch() ? "false" : "";
}

std::string encoded(std::string_view text) {
  return base::percent_encoded(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// The parameters that differ from what is without any.
std::string query_of(const JsonValue& config) {
  const ReportOptions defaults;
  std::string query;
  for (const Option& option : all_options()) {
    if (!is_kept(option)) {
      continue;
    }
    const JsonValue* const kept = config.member(option.name);
    const std::string value = kept == nullptr ? zero_of(option) : kept->text;
    if (value == option_value(defaults, option)) {
      continue;
    }
    query += query.empty() ? "" : "&";
    query += std::string(option.url) + "=" + encoded(value);
  }
  return query;
}

JsonValue config_of(const std::string& name, const ReportOptions& options) {
  JsonValue config{.kind = Kind::object};
  config.members.emplace_back("name", JsonValue{.kind = Kind::string, .text = name});
  for (const Option& option : all_options()) {
    if (!is_kept(option)) {
      continue;
    }
    const std::string value = option_value(options, option);
    if (value == zero_of(option)) {
      continue;
    }
    const Kind kind = is_number(option)    ? Kind::number
                      : option.is_switch() ? Kind::boolean
                                           : Kind::string;
    config.members.emplace_back(option.name, JsonValue{.kind = kind, .text = value});
  }
  return config;
}

auto find_config(std::vector<JsonValue>& configs, const std::string& name) {
  return std::find_if(configs.begin(), configs.end(),
                      [&](const JsonValue& it) { return name_of(it) == name; });
}

JsonValue* list_in(JsonValue& settings) {
  for (auto& [name, value] : settings.members) {
    if (name == list_name) {
      return &value;
    }
  }
  return nullptr;
}

}  // namespace

std::string settings_path(const std::string& config_home, const std::string& home) {
  const std::string file = "/pprof/settings.json";
  if (!config_home.empty()) {
    return config_home + file;
  }
  return home.empty() ? "" : home + "/.config" + file;
}

Result<JsonValue> Settings::read() const {
  JsonValue empty{.kind = Kind::object};
  empty.members.emplace_back(list_name, JsonValue{.kind = Kind::array});
  if (path_.empty()) {
    return empty;
  }
  const auto bytes = base::read_file(path_, file_bytes_max);
  if (!bytes && bytes.error().kind == ErrorKind::not_found) {
    return empty;
  }
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  auto settings = parse_json(*bytes);
  if (!settings) {
    return fail(ErrorKind::invalid, path_ + ": " + settings.error().message);
  }
  if (settings->kind != Kind::object) {
    return fail(ErrorKind::invalid, path_ + ": not an object");
  }
  const JsonValue* const list = list_in(*settings);
  if (list == nullptr) {
    settings->members.emplace_back(list_name, JsonValue{.kind = Kind::array});
  } else if (list->kind != Kind::array) {
    return fail(ErrorKind::invalid, path_ + ": \"configs\" is not a list");
  }
  return settings;
}

Result<void> Settings::write(const JsonValue& value) const {
  if (path_.empty()) {
    return fail(ErrorKind::io, "there is no folder for settings; set HOME");
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  return base::write_file(path_, write_json(value));
}

Result<std::vector<SavedConfig>> Settings::list() const {
  auto settings = read();
  if (!settings) {
    return tl::unexpected(settings.error());
  }
  std::vector<SavedConfig> configs;
  for (const JsonValue& config : list_in(*settings)->elements) {
    configs.push_back({name_of(config), query_of(config)});
  }
  return configs;
}

Result<void> Settings::save(const std::string& name, const ReportOptions& options) const {
  if (name.empty() || name.size() > name_bytes_max) {
    return fail(ErrorKind::invalid, "a name of 1 to 200 bytes is needed");
  }
  auto settings = read();
  if (!settings) {
    return tl::unexpected(settings.error());
  }
  auto& configs = list_in(*settings)->elements;
  const auto old = find_config(configs, name);
  if (old == configs.end()) {
    configs.push_back(config_of(name, options));
  } else {
    *old = config_of(name, options);
  }
  return write(*settings);
}

Result<void> Settings::remove(const std::string& name) const {
  auto settings = read();
  if (!settings) {
    return tl::unexpected(settings.error());
  }
  auto& configs = list_in(*settings)->elements;
  const auto old = find_config(configs, name);
  if (old == configs.end()) {
    return fail(ErrorKind::not_found, "there is no config \"" + name + "\"");
  }
  configs.erase(old);
  return write(*settings);
}

}  // namespace heapwatch::pprof::web
