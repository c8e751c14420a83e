#include "check/registry.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "check/go_expvar/go_expvar_check.h"
#include "check/memory/memory_check.h"
#include "check/memory_verdicts.h"
#include "config/section.h"

namespace heapwatch::check {

namespace {

struct Made {
  std::unique_ptr<Check> check;
  std::string target;
  std::chrono::milliseconds interval;
};

std::optional<Made> make_go_expvar(const InstanceSource& source, config::Diagnostics& diagnostics) {
  auto config = go_expvar::read_config(source, diagnostics);
  if (!config) {
    return std::nullopt;
  }
  Made made{.check = nullptr, .target = config->target, .interval = config->interval};
  made.check = std::make_unique<go_expvar::GoExpvarCheck>(*std::move(config));
  return made;
}

/// One for all instances of `memory`: they share what is known of the processes, and the budget.
const std::shared_ptr<memory::Machine>& machine() {
  static const std::shared_ptr<memory::Machine> one = std::make_shared<memory::LiveMachine>();
  return one;
}

std::optional<Made> make_memory(const InstanceSource& source, config::Diagnostics& diagnostics) {
  auto config = memory::read_config(source, diagnostics);
  if (!config) {
    return std::nullopt;
  }
  Made made{.check = nullptr, .target = config->target, .interval = config->interval};
  made.check = std::make_unique<memory::MemoryCheck>(*std::move(config), machine());
  return made;
}

struct NativeCheck {
  std::string_view name;
  std::optional<Made> (*make)(const InstanceSource&, config::Diagnostics&);
};

constexpr std::array<NativeCheck, 2> native_checks{{
    {"go_expvar", make_go_expvar},
    {"memory", make_memory},
}};

constexpr config::Section::Range interval_seconds{0.1, 7.0 * 24 * 3600};

const NativeCheck* find_native(std::string_view name) {
  const auto* const found =
      std::find_if(native_checks.begin(), native_checks.end(),
                   [&](const NativeCheck& check) { return check.name == name; });
  return found == native_checks.end() ? nullptr : found;
}

/// What every check takes, whoever makes it.
struct CommonOptions {
  std::string loader;  // empty: whoever has the check
  std::chrono::milliseconds interval;
};

CommonOptions read_common(const InstanceSource& source, config::Diagnostics& diagnostics) {
  const std::string file = source.file.file.string();
  config::Section init_config(source.file.init_config, file, diagnostics, "init_config");
  config::Section instance(source.instance, file, diagnostics);
  const auto inherited = init_config.seconds("min_collection_interval", interval_seconds);
  const auto inherited_loader = init_config.text("loader");
  return {.loader = instance.text("loader").value_or(inherited_loader.value_or("")),
          .interval = instance.seconds("min_collection_interval", interval_seconds)
                          .value_or(inherited.value_or(source.agent.min_collection_interval))};
}

bool is_native(std::string_view loader) {
  return loader == "native" || loader == "core";
}

/// False, with an error in the diagnostics, when nothing answers to the name.
bool knows_loader(const InstanceSource& source, const std::string& name,
                  std::span<Loader* const> loaders, config::Diagnostics& diagnostics) {
  std::string known = "native";
  for (const Loader* const loader : loaders) {
    known += ", " + std::string(loader->name());
    if (loader->name() == name) {
      return true;
    }
  }
  if (name.empty() || is_native(name)) {
    return true;
  }
  const config::Value* const own = source.instance.find("loader");
  const config::Value* const value = own != nullptr ? own : source.file.init_config.find("loader");
  diagnostics.error(source.file.file.string(), value->line, value->column,
                    "unknown loader " + config::shown(*value) + "; one of " + known);
  return false;
}

/// Asks the loaders in their order; the error holds what each of them said.
base::Result<LoadedCheck> load(const InstanceSource& source, std::string_view only,
                               std::span<Loader* const> loaders, const std::string& id) {
  const std::string& name = source.file.check_name;
  bool unknown = true;
  std::string said;
  std::string not_there;  // of loaders that do not have it, behind those that cannot load it
  for (Loader* const loader : loaders) {
    if (!only.empty() && loader->name() != only) {
      continue;
    }
    auto loaded = loader->load(source, id);
    if (loaded) {
      return loaded;
    }
    const bool is_there = loaded.error().kind != base::ErrorKind::not_found;
    unknown = unknown && !is_there;
    (is_there ? said : not_there) +=
        "\n* " + std::string(loader->name()) + ": " + loaded.error().message;
  }
  said += not_there;
  if (unknown) {
    return base::fail(
        base::ErrorKind::not_found,
        "there is no check \"" + name + '"' + base::did_you_mean(name, check_names()) + said);
  }
  return base::fail(base::ErrorKind::invalid, "could not load check \"" + name + "\":" + said);
}

std::unique_ptr<ConfiguredCheck> configured_check(const InstanceSource& source, std::string id,
                                                  std::string version, Made made) {
  auto configured = std::make_unique<ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{.check_name = source.file.check_name,
                        .check_version = std::move(version),
                        .id = std::move(id),
                        .source = "file:" + source.file.file.string(),
                        .target = std::move(made.target)});
  configured->fingerprint = config::check_fingerprint(source.file, source.instance);
  configured->interval = made.interval;
  configured->check = std::move(made.check);
  return configured;
}

}  // namespace

std::unique_ptr<ConfiguredCheck> make_check(const InstanceSource& source,
                                            std::span<Loader* const> loaders,
                                            config::Diagnostics& diagnostics) {
  config::Diagnostics own;
  const CommonOptions common = read_common(source, own);
  const NativeCheck* const native = find_native(source.file.check_name);
  std::string id = config::check_id(source.file, source.instance);
  if (native != nullptr && (common.loader.empty() || is_native(common.loader))) {
    auto made = native->make(source, diagnostics);
    return made ? configured_check(source, std::move(id), HEAPWATCH_VERSION, *std::move(made))
                : nullptr;
  }
  const bool known = knows_loader(source, common.loader, loaders, own);
  diagnostics.append(own);
  if (!known || own.has_errors()) {
    return nullptr;
  }
  auto loaded = load(source, common.loader, loaders, id);
  if (!loaded) {
    const bool nobody_asked = loaders.empty();
    diagnostics.error(source.file.file.string(), nobody_asked ? 0 : source.instance.line,
                      nobody_asked ? 0 : source.instance.column, std::move(loaded.error().message));
    return nullptr;
  }
  return configured_check(
      source, std::move(id), std::move(loaded->version),
      {.check = std::move(loaded->check), .target = {}, .interval = common.interval});
}

void spread_no_cost() {
  machine()->budget().lift();
}

std::vector<memory::ProcessVerdict> memory_verdicts() {
  return machine()->board().all();
}

memory::Sightings& memory_sightings() {
  return machine()->sightings();
}

std::unique_ptr<Check> memory_check_of(int pid, const MemoryWatch& watch) {
  memory::MemoryConfig config;
  config.choice.kind = memory::ChoiceKind::pid;
  config.choice.text = std::to_string(pid);
  config.target = memory::shown(config.choice);
  config.allows = [](std::string_view) { return false; };
  config.walk_interval = watch.walk_interval;
  config.interval = watch.walk_interval / 2;
  config.cpu_budget = watch.cpu_budget;
  config.leak_windows = watch.leak_windows;
  config.page = watch.page;
  config.profile_interval = watch.profile_interval;
  return std::make_unique<memory::MemoryCheck>(std::move(config), machine());
}

std::vector<std::string_view> check_names() {
  std::vector<std::string_view> names;
  names.reserve(native_checks.size());
  for (const NativeCheck& check : native_checks) {
    names.push_back(check.name);
  }
  return names;
}

}  // namespace heapwatch::check
