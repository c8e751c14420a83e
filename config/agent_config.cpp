#include "config/agent_config.h"

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/ownership.h"
#include "config/agent_options.h"
#include "config/exposure.h"
#include "config/receiver_options.h"
#include "config/secrets.h"
#include "config/settings.h"

namespace heapwatch::config {

namespace {

std::pair<std::string_view, std::string_view> split_key(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? std::pair{std::string_view{}, key}
                                       : std::pair{key.substr(0, dot), key.substr(dot + 1)};
}

Value list(std::string_view text, std::string_view separators) {
  Value value;
  value.kind = Value::Kind::list;
  while (true) {
    const auto begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) {
      return value;
    }
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(separators));
    value.items.push_back(Value::scalar(std::string(word)));
    text.remove_prefix(word.size());
  }
}

Value map_of(std::string_view key, Value value) {
  Value map;
  map.kind = Value::Kind::map;
  map.members.push_back({std::string(key), 0, 0, std::move(value)});
  return map;
}

/// A variable that is set, as the map it would be in the file.
struct Variable {
  const AgentOptionRow* option;
  std::string name;
  Value map;
};

std::vector<Variable> read_environment(const Environment& environment) {
  std::vector<Variable> variables;
  for (const AgentOptionRow& option : agent_option_rows()) {
    // The key's own variable comes last, and so wins.
    for (const std::string& name :
         {std::string(option.second_variable), variable_name(option.key)}) {
      const auto text = name.empty() ? std::nullopt : environment(name);
      if (!text || text->empty()) {
        continue;
      }
      using Shape = AgentOptionRow::Shape;
      Value value = option.shape == Shape::scalar
                        ? Value::scalar(*text)
                        : list(*text, option.shape == Shape::items ? " \t\n," : " \t\n");
      variables.push_back({&option, name, map_of(split_key(option.key).second, std::move(value))});
    }
  }
  return variables;
}

void read_file(const Value& root, std::string_view file, AgentDraft& draft,
               Diagnostics& diagnostics) {
  Section top(root, file, diagnostics);
  std::vector<std::pair<std::string_view, std::optional<Section>>> nested;
  for (const AgentOptionRow& option : agent_option_rows()) {
    const auto [parent, name] = split_key(option.key);
    if (parent.empty()) {
      option.read(top, name, draft);
      continue;
    }
    if (nested.empty() || nested.back().first != parent) {
      nested.emplace_back(parent, top.section(parent));
    }
    if (auto& section = nested.back().second) {
      option.read(*section, name, draft);
    }
  }
  for (auto& [parent, section] : nested) {
    if (section) {
      section->finish();
    }
  }
  top.finish();
}

void read_variables(const std::vector<Variable>& variables, AgentDraft& draft,
                    Diagnostics& diagnostics) {
  for (const Variable& variable : variables) {
    const auto [parent, name] = split_key(variable.option->key);
    Section section(variable.map, variable.name, diagnostics, std::string(parent));
    variable.option->read(section, name, draft);
  }
}

struct ShownUrl {
  std::string url;  // empty when nothing is said
  std::string shown_as = {};
};

ShownUrl address_url(const DogStatsdAddress& address) {
  if (!address.url.empty()) {
    return {address.url, address.url_shown_as};
  }
  if (!address.host.empty()) {
    return {dogstatsd_url_of_host(address.host, address.port).value_or(""), address.host_shown_as};
  }
  if (address.socket.empty() && address.port != 0) {
    return {dogstatsd_url_of_host("127.0.0.1", address.port).value_or("")};
  }
  return {address.socket, address.socket_shown_as};
}

void settle_dogstatsd(AgentDraft& draft, const Environment& environment, Diagnostics& diagnostics) {
  auto [url, shown_as] = address_url(draft.address);
  DogStatsdConfig& dogstatsd = draft.config.dogstatsd;
  dogstatsd.enabled = draft.dogstatsd_enabled.value_or(!url.empty());
  if (!url.empty()) {
    dogstatsd.url = std::move(url);
    dogstatsd.url_shown_as = std::move(shown_as);
  }
  static constexpr std::string_view disable = "DD_DOGSTATSD_DISABLE";
  const auto text = environment(disable);
  if (text && !text->empty()) {
    const Value map = map_of(disable, Value::scalar(*text));
    Section section(map, disable, diagnostics);
    const bool disabled = section.boolean(disable).value_or(false);
    dogstatsd.enabled = dogstatsd.enabled && !disabled;
  }
}

void settle_tags(AgentDraft& draft) {
  std::vector<std::string>& tags = draft.config.tags;
  const auto add = [&](std::string tag) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) {
      tags.push_back(std::move(tag));
    }
  };
  for (const std::string& tag : draft.tags) {
    add(tag);
  }
  for (const std::string& tag : draft.extra_tags) {
    add(tag);
  }
  for (const auto& [key, value] : {std::pair{"env:", &draft.env},
                                   {"service:", &draft.service},
                                   {"version:", &draft.version}}) {
    if (!value->empty()) {
      add(key + *value);
    }
  }
}

/// The variable, or where the key stands in the file; the file as a whole where it does not.
OptionPlace place_of(std::string_view key, const std::vector<Variable>& variables,
                     const Value& root, const std::string& file) {
  const auto [parent, name] = split_key(key);
  const auto variable = std::find_if(variables.rbegin(), variables.rend(),
                                     [&](const Variable& one) { return one.option->key == key; });
  if (variable != variables.rend()) {
    return {.file = variable->name, .written = shown(*variable->map.find(name))};
  }
  const Value* const map = parent.empty() ? &root : root.find(parent);
  const Value* const value = map == nullptr ? nullptr : map->find(name);
  return value == nullptr ? OptionPlace{.file = file}
                          : OptionPlace{.file = file,
                                        .line = value->line,
                                        .column = value->column,
                                        .written = shown(*value)};
}

/// Receivers as remote_write_of() and its siblings read them: with their variable in force, and
/// paths that are whole.
void overlay_receivers(std::string_view key, const std::vector<Variable>& variables,
                       const std::filesystem::path& folder, Value& settings) {
  const auto [parent, name] = split_key(key);
  const auto map = [&, above = parent]() -> Value& {
    return above.empty() ? settings : member_of(settings, above);
  };
  for (const Variable& variable : variables) {
    if (variable.option->key == key) {
      member_of(map(), name) = *variable.map.find(name);
    }
  }
  const Value* const found = parent.empty() ? &settings : settings.find(parent);
  if (found != nullptr && found->find(name) != nullptr) {
    settle_receivers(member_of(map(), name), folder);
  }
}

}  // namespace

AgentConfigFile load_agent_config(const std::optional<std::filesystem::path>& file,
                                  const Environment& environment) {
  AgentConfigFile loaded;
  Diagnostics& diagnostics = loaded.diagnostics;
  const std::string name = file ? file->string() : "";
  Value root;
  if (file) {
    const auto text = base::read_file(*file, yaml_bytes_max);
    if (base::is_world_writable(*file)) {
      diagnostics.warning(name, 0, 0, std::string(world_writable));
    }
    if (text) {
      root = parse_yaml(*text, name, diagnostics);
    } else {
      diagnostics.error("", 0, 0, text.error().message);
    }
  }
  std::vector<Variable> variables = read_environment(environment);

  // How to ask for secrets is itself in the file: what is wrong in it is said by the second
  // reading.
  AgentDraft first;
  Diagnostics unsaid;
  read_file(root, name, first, unsaid);
  read_variables(variables, first, unsaid);
  SecretResolver secrets(first.config.secrets);
  secrets.resolve(root, name, diagnostics);
  for (Variable& variable : variables) {
    secrets.resolve(variable.map, variable.name, diagnostics);
  }

  AgentDraft draft;
  const std::filesystem::path folder = file ? file->parent_path() : "/etc/heapwatch";
  draft.config.confd_path = "conf.d";
  read_file(root, name, draft, diagnostics);
  read_variables(variables, draft, diagnostics);
  draft.config.confd_path = folder / draft.config.confd_path;
  draft.config.shared_libraries.folder = folder / draft.config.shared_libraries.folder;
  if (!draft.config.additional_checksd.empty()) {
    draft.config.additional_checksd = folder / draft.config.additional_checksd;
  }
  if (draft.config.tracemalloc_debug) {
    draft.config.check_runners = 1;
  }
  settle_dogstatsd(draft, environment, diagnostics);
  settle_tags(draft);
  check_exposure(
      draft.config, !draft.web_config_file.empty(),
      [&](std::string_view key) { return place_of(key, variables, root, name); }, diagnostics);
  loaded.config = std::move(draft.config);
  loaded.config.settings = settings(loaded.config, std::move(root));
  for (const std::string_view key :
       {"remote_write", "otlp", "profiles.push", "profiles.interval"}) {
    overlay_receivers(key, variables, folder, loaded.config.settings);
  }
  SettingsWriter(loaded.config.settings).text("web.config_file", draft.web_config_file);
  return loaded;
}

bool IsolationConfig::covers(const std::string& check_name) const {
  const auto is_in = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), check_name) != names.end();
  };
  return process && (include.empty() || is_in(include)) && !is_in(exclude);
}

std::vector<AgentOption> agent_options() {
  std::vector<AgentOption> options;
  for (const AgentOptionRow& row : agent_option_rows()) {
    options.push_back({row.key, row.second_variable, row.live});
  }
  return options;
}

std::string variable_name(std::string_view key) {
  std::string name = "DD_";
  for (const char c : key) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

}  // namespace heapwatch::config
