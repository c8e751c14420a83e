#include "check/registry.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/nearest.h"
#include "check/go_expvar/go_expvar_check.h"

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

struct NativeCheck {
  std::string_view name;
  std::optional<Made> (*make)(const InstanceSource&, config::Diagnostics&);
};

constexpr std::array<NativeCheck, 1> native_checks{{
    {"go_expvar", make_go_expvar},
}};

}  // namespace

std::unique_ptr<ConfiguredCheck> make_check(const InstanceSource& source,
                                            config::Diagnostics& diagnostics) {
  const std::string& name = source.file.check_name;
  const auto* const native =
      std::find_if(native_checks.begin(), native_checks.end(),
                   [&](const NativeCheck& check) { return check.name == name; });
  if (native == native_checks.end()) {
    diagnostics.error(
        source.file.file.string(), 0, 0,
        "there is no check \"" + name + '"' + base::did_you_mean(name, check_names()));
    return nullptr;
  }
  auto made = native->make(source, diagnostics);
  if (!made) {
    return nullptr;
  }
  auto configured = std::make_unique<ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{.check_name = name,
                        .check_version = HEAPWATCH_VERSION,
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
  names.reserve(native_checks.size());
  for (const NativeCheck& check : native_checks) {
    names.push_back(check.name);
  }
  return names;
}

}  // namespace heapwatch::check
