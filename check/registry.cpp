#include "check/registry.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "check/go_expvar/go_expvar_check.h"
#include "check/shared_library/shared_library_check.h"
#include "config/section.h"

namespace heapwatch::check {

namespace {

struct Made {
  std::unique_ptr<Check> check;
  std::string target;
  std::chrono::milliseconds interval;
  std::string version = HEAPWATCH_VERSION;
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

struct NativeCheck {
  std::string_view name;
  std::optional<Made> (*make)(const InstanceSource&, config::Diagnostics&);
};

constexpr std::array<NativeCheck, 1> native_checks{{
    {"go_expvar", make_go_expvar},
}};

enum class Loader : std::uint8_t { any, native, shared_library };

/// Absent, with a diagnostic, when there is no such loader.
std::optional<Loader> wanted_loader(const InstanceSource& source,
                                    config::Diagnostics& diagnostics) {
  static constexpr std::array<std::pair<std::string_view, Loader>, 4> names{
      {{"native", Loader::native},
       {"core", Loader::native},
       {"shared_library", Loader::shared_library},
       {"sharedlibrary", Loader::shared_library}}};
  const std::string file = source.file.file.string();
  config::Section instance(source.instance, file, diagnostics, "instance");
  config::Section init_config(source.file.init_config, file, diagnostics, "init_config");
  const std::size_t errors = diagnostics.error_count();
  const auto own = instance.one_of<Loader>("loader", names, "loader");
  const auto inherited = init_config.one_of<Loader>("loader", names, "loader");
  if (diagnostics.error_count() != errors) {
    return std::nullopt;
  }
  return own.value_or(inherited.value_or(Loader::any));
}

/// Absent without a diagnostic when there is no such library.
std::optional<Made> make_from_library(const InstanceSource& source, bool wanted,
                                      config::Diagnostics& diagnostics) {
  if (!source.agent.shared_libraries.enabled && !wanted) {
    return std::nullopt;
  }
  const std::string file = source.file.file.string();
  const config::Value& instance = source.instance;
  if (!source.agent.shared_libraries.enabled) {
    diagnostics.error(file, instance.line, instance.column,
                      "shared_library_check.enabled is false, and this instance wants the loader "
                      "shared_library");
    return std::nullopt;
  }
  const std::size_t errors = diagnostics.error_count();
  auto loaded = shared_library::load(source, diagnostics);
  if (loaded) {
    return Made{.check = std::move(loaded->check),
                .target = {},
                .interval = loaded->interval,
                .version = std::move(loaded->version)};
  }
  const bool missing = loaded.error().kind == base::ErrorKind::not_found;
  if ((!missing || wanted) && diagnostics.error_count() == errors) {
    diagnostics.error(file, instance.line, instance.column, loaded.error().message);
  }
  return std::nullopt;
}

/// The first loader that has the check: native, shared library.
std::optional<Made> make(const InstanceSource& source, config::Diagnostics& diagnostics) {
  const std::string& name = source.file.check_name;
  const auto loader = wanted_loader(source, diagnostics);
  if (!loader) {
    return std::nullopt;
  }
  const auto* const native =
      std::find_if(native_checks.begin(), native_checks.end(),
                   [&](const NativeCheck& check) { return check.name == name; });
  if (native != native_checks.end() && *loader != Loader::shared_library) {
    return native->make(source, diagnostics);
  }
  const std::size_t errors = diagnostics.error_count();
  if (*loader != Loader::native) {
    if (auto made = make_from_library(source, *loader == Loader::shared_library, diagnostics)) {
      return made;
    }
  }
  if (diagnostics.error_count() == errors) {
    diagnostics.error(
        source.file.file.string(), 0, 0,
        "there is no check \"" + name + '"' + base::did_you_mean(name, check_names()));
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<ConfiguredCheck> make_check(const InstanceSource& source,
                                            config::Diagnostics& diagnostics) {
  const std::string& name = source.file.check_name;
  auto made = make(source, diagnostics);
  if (!made) {
    return nullptr;
  }
  auto configured = std::make_unique<ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{.check_name = name,
                        .check_version = std::move(made->version),
                        .id = config::check_id(source.file, source.instance),
                        .source = "file:" + source.file.file.string(),
                        .target = std::move(made->target)});
  configured->interval = made->interval;
  configured->check = std::move(made->check);
  return configured;
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
