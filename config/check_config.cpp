#include "config/check_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <set>
#include <unordered_map>

#include "base/file.h"
#include "base/hash.h"
#include "base/ownership.h"
#include "config/gathered.h"
#include "config/secrets.h"
#include "config/section.h"
#include "config/templates.h"

namespace heapwatch::config {

namespace {

constexpr std::array<std::string_view, 10> top_level_keys{"init_config",
                                                          "instances",
                                                          "logs",
                                                          "jmx_metrics",
                                                          "ad_identifiers",
                                                          "cluster_check",
                                                          "docker_images",
                                                          "advanced_ad_identifiers",
                                                          "check_tag_cardinality",
                                                          "ignore_autodiscovery_tags"};
constexpr std::array<std::string_view, 2> discovery_keys{"advanced_ad_identifiers",
                                                         "docker_images"};

enum class FileKind : std::uint8_t { regular, fallback, discovery };

struct File {
  std::string check_name;
  std::filesystem::path path;
  FileKind kind;
};

bool remove_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix) || text.size() == suffix.size()) {
    return false;
  }
  text.remove_suffix(suffix.size());
  return true;
}

/// What a file in conf.d is by its name; absent when it is none of ours. `check_name` is empty for
/// a file at the root, which is named after its check.
std::optional<File> classify(const std::filesystem::path& path, std::string_view check_name) {
  const std::string file_name = path.filename().string();
  std::string_view stem = file_name;
  const bool fallback = remove_suffix(stem, ".default");
  if (file_name.starts_with('.') || file_name == "metrics.yaml" ||
      !(remove_suffix(stem, ".yaml") || remove_suffix(stem, ".yml"))) {
    return std::nullopt;
  }
  const FileKind kind = file_name == "auto_conf.yaml" ? FileKind::discovery
                        : fallback                    ? FileKind::fallback
                                                      : FileKind::regular;
  return File{std::string(check_name.empty() ? stem : check_name), path, kind};
}

/// The entries of a folder in the order of their names; a folder that cannot be read is an error.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, Confd& confd) {
  std::vector<std::filesystem::path> paths;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    paths.push_back(entry->path());
  }
  if (failure) {
    confd.diagnostics.error(folder.string(), 0, 0, failure.message());
    confd.failed.push_back(folder);
  }
  if (base::is_world_writable(folder)) {
    confd.diagnostics.warning(folder.string(), 0, 0, std::string(world_writable));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<File> find_files(const std::filesystem::path& folder,
                             const std::optional<std::string>& only, Confd& confd) {
  std::vector<File> files;
  const auto add = [&](const std::filesystem::path& path, std::string_view check_name) {
    auto file = classify(path, check_name);
    if (file) {
      confd.names.insert(file->check_name);
    }
    if (file && (!only || file->check_name == *only)) {
      files.push_back(std::move(*file));
    }
  };
  for (const auto& path : entries(folder, confd)) {
    std::error_code ignored;
    const std::string name = path.filename().string();
    std::string_view check_name = name;
    if (!std::filesystem::is_directory(path, ignored)) {
      add(path, {});
    } else if (!remove_suffix(check_name, ".d") || name.starts_with('.')) {
      continue;
    } else if (only && check_name != *only) {
      confd.names.emplace(check_name);
    } else {
      for (const auto& inner : entries(path, confd)) {
        if (!std::filesystem::is_directory(inner, ignored)) {
          add(inner, check_name);
        }
      }
    }
  }
  return files;
}

/// A file with `ad_identifiers` says for all its instances what `discover` says for one.
void add_identifiers(Value& instance, const Value& identifiers) {
  auto discover = std::find_if(instance.members.begin(), instance.members.end(),
                               [](const Value::Member& one) { return one.key == "discover"; });
  if (discover == instance.members.end()) {
    Value map;
    map.kind = Value::Kind::map;
    map.line = identifiers.line;
    map.column = identifiers.column;
    instance.members.push_back({"discover", identifiers.line, identifiers.column, std::move(map)});
    discover = std::prev(instance.members.end());
  }
  if (discover->value.kind == Value::Kind::map &&
      discover->value.find("ad_identifiers") == nullptr) {
    discover->value.members.push_back(
        {"ad_identifiers", identifiers.line, identifiers.column, identifiers});
  }
}

/// init_config and instances, when they are as they should be.
std::optional<CheckConfig> take_parts(Value root, std::string_view file, Diagnostics& diagnostics) {
  Section top(root, file, diagnostics);
  top.ignore(top_level_keys);
  top.finish();
  for (const std::string_view key : discovery_keys) {
    if (root.find(key) != nullptr) {
      top.warning(key, std::string("a template for Autodiscovery by ") + std::string(key) +
                           ", which heapwatch does not do; not loaded");
      return std::nullopt;
    }
  }
  CheckConfig config;
  const Value* const identifiers = root.find("ad_identifiers");
  const std::optional<Value> autodiscovery =
      identifiers == nullptr || identifiers->kind == Value::Kind::null
          ? std::nullopt
          : std::optional(*identifiers);
  config.init_config.kind = Value::Kind::map;
  Value instances;
  for (Value::Member& member : root.members) {
    if (member.key == "init_config" && member.value.kind != Value::Kind::null) {
      config.init_config = std::move(member.value);
    } else if (member.key == "instances") {
      instances = std::move(member.value);
    }
  }
  if (config.init_config.kind != Value::Kind::map) {
    diagnostics.error(
        file, config.init_config.line, config.init_config.column,
        "init_config must be a map of keys and values, not " + shown(config.init_config));
  }
  if (instances.kind == Value::Kind::map || instances.kind == Value::Kind::scalar) {
    diagnostics.error(
        file, instances.line, instances.column,
        "instances must be a list (\"- \" before each instance), not " + shown(instances));
  } else if (instances.items.empty()) {
    const bool other_kind = root.find("logs") != nullptr || root.find("jmx_metrics") != nullptr;
    if (!other_kind && !diagnostics.has_errors()) {
      diagnostics.error(file, instances.line, instances.column,
                        "configuration file contains no valid instances");
    }
    return std::nullopt;
  }
  for (std::size_t i = 0; i < instances.items.size(); ++i) {
    Value& instance = instances.items[i];
    if (instance.kind == Value::Kind::null) {
      instance.kind = Value::Kind::map;
    } else if (instance.kind != Value::Kind::map) {
      diagnostics.error(file, instance.line, instance.column,
                        "instances -> " + std::to_string(i + 1) +
                            " must be a map of keys and values, not " + shown(instance));
    }
    if (autodiscovery && instance.kind == Value::Kind::map) {
      add_identifiers(instance, *autodiscovery);
    }
  }
  config.instances = std::move(instances.items);
  return config;
}

void resolve_secrets(Value& value, const ConfdOptions& options, std::string_view file,
                     Diagnostics& diagnostics) {
  if (options.secrets == nullptr) {
    SecretResolver(SecretsConfig{}).resolve(value, file, diagnostics);
  } else if (!options.secrets->skips_checks()) {
    options.secrets->resolve(value, file, diagnostics);
  }
}

/// One file; absent when it holds nothing for us or has an error.
std::optional<CheckConfig> load_file(const File& file, const ConfdOptions& options,
                                     Diagnostics& diagnostics, bool& wrong) {
  Diagnostics own;
  std::optional<CheckConfig> config;
  std::error_code failure;
  if (std::filesystem::exists(file.path, failure) &&
      !std::filesystem::is_regular_file(file.path, failure)) {
    own.error(file.path.string(), 0, 0, "is no regular file");
  } else if (const auto text = base::read_file(file.path, yaml_bytes_max); !text) {
    own.error("", 0, 0, text.error().message);
  } else if (!text->empty()) {
    if ((std::filesystem::status(file.path, failure).permissions() &
         std::filesystem::perms::others_write) != std::filesystem::perms::none) {
      own.warning(file.path.string(), 0, 0, std::string(world_writable));
    }
    config = parse_check_config(*text, file.path, options, own);
  }
  gather(own, diagnostics);
  if (config) {
    config->check_name = file.check_name;
  }
  wrong = own.has_errors();
  return wrong ? std::nullopt : std::move(config);
}

/// A file that has been read.
struct Loaded {
  struct Instance {
    std::string id;
    int line = 0;
    int column = 0;
  };

  Loaded(std::size_t place, const CheckConfig& config) : order(place), packed(config) {
    for (const Value& instance : config.instances) {
      instances.push_back({check_id(config, instance), instance.line, instance.column});
    }
  }

  std::size_t order;  // of its file among all
  PackedCheckConfig packed;
  std::vector<Instance> instances;
};

/// Duplicates that are said one by one: who copies a file makes many at once.
constexpr std::size_t duplicates_said_max = 100;

/// The same instance twice would count everything twice.
void drop_duplicates(std::vector<Loaded>& all, Diagnostics& diagnostics) {
  std::unordered_map<std::string, std::string> seen;  // id to place
  std::size_t duplicates = 0;
  for (Loaded& loaded : all) {
    const std::string file = loaded.packed.file.string();
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < loaded.instances.size(); ++i) {
      const auto& [id, line, column] = loaded.instances[i];
      const auto [entry, is_new] = seen.emplace(id, file + ":" + std::to_string(line));
      if (is_new) {
        kept.push_back(i);
      } else if (++duplicates <= duplicates_said_max) {
        diagnostics.warning(file, line, column,
                            "the same instance stands at " + entry->second + "; it runs once");
      }
    }
    if (kept.size() < loaded.instances.size()) {
      CheckConfig config = loaded.packed.unpack();
      std::vector<Value> instances;
      instances.reserve(kept.size());
      for (const std::size_t index : kept) {
        instances.push_back(std::move(config.instances[index]));
      }
      config.instances = std::move(instances);
      loaded.packed = PackedCheckConfig(config);
    }
  }
  if (duplicates > duplicates_said_max) {
    diagnostics.warning("", 0, 0,
                        std::to_string(duplicates - duplicates_said_max) +
                            " more instances stand twice; each runs once");
  }
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the environment is not changed after start
  const char* const value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<CheckConfig> parse_check_config(std::string_view text,
                                              const std::filesystem::path& file,
                                              const ConfdOptions& options,
                                              Diagnostics& diagnostics) {
  const std::string name = file.string();
  Diagnostics own;
  Value root = parse_yaml(text, name, own);
  auto config = own.has_errors() ? std::nullopt : take_parts(std::move(root), name, own);
  if (config) {
    config->file = file;
    Value parts;  // together, so that the secrets of a file are asked for in one go
    parts.kind = Value::Kind::list;
    parts.items = std::move(config->instances);
    parts.items.push_back(std::move(config->init_config));
    if (options.resolve_env_vars) {
      substitute_variables(parts, options, name, own);
    }
    resolve_secrets(parts, options, name, own);
    config->init_config = std::move(parts.items.back());
    parts.items.pop_back();
    config->instances = std::move(parts.items);
  }
  diagnostics.append(own);
  return own.has_errors() ? std::nullopt : std::move(config);
}

Confd load_confd(const std::filesystem::path& folder, const ConfdOptions& options) {
  Confd confd;
  const std::vector<File> files = find_files(folder, options.only_check, confd);
  std::set<std::string_view> loaded;
  std::vector<Loaded> configs;
  const auto load = [&](std::size_t index) {
    bool wrong = false;
    const auto config = load_file(files[index], options, confd.diagnostics, wrong);
    if (wrong) {
      confd.failed.push_back(files[index].path);
    }
    if (config) {
      loaded.insert(files[index].check_name);
      configs.emplace_back(index, *config);
    }
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].kind == FileKind::regular) {
      load(i);
    } else if (files[i].kind == FileKind::discovery) {
      loaded.insert(files[i].check_name);
    }
  }
  const std::set<std::string_view> have_regular = loaded;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i].kind == FileKind::fallback && !have_regular.contains(files[i].check_name)) {
      load(i);
    }
  }
  std::sort(configs.begin(), configs.end(),
            [](const Loaded& a, const Loaded& b) { return a.order < b.order; });
  drop_duplicates(configs, confd.diagnostics);
  for (Loaded& config : configs) {
    if (config.packed.instances > 0) {
      confd.checks.push_back(std::move(config.packed));
    }
  }
  return confd;
}

std::string check_id(const CheckConfig& config, const Value& instance) {
  std::uint64_t hash = base::fnv1a(config.check_name);
  hash = base::fnv1a(to_yaml(instance), hash);
  hash = base::fnv1a(to_yaml(config.init_config), hash);
  std::array<char, 16> digits{};
  const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16);
  std::string id = config.check_name + ":";
  for (const std::string_view key : {"name", "namespace"}) {
    const Value* const name = instance.find(key);
    if (name != nullptr && name->secret_handle.empty() && !name->text.empty()) {
      id += name->text + ":";
      break;
    }
  }
  return id.append(digits.data(), end);
}

std::uint64_t check_fingerprint(const CheckConfig& config, const Value& instance) {
  std::uint64_t hash = base::fnv1a(config.check_name);
  for (const Value* const part : {&instance, &config.init_config}) {
    hash = base::fnv1a(to_yaml(without_handles(*part)), hash);
  }
  return hash;
}

}  // namespace heapwatch::config
