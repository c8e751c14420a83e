// The go_expvar check as a library of the Agent's C ABI: libdatadog-agent-go_expvar.so.
#define MEMTRACK_ALLOW_RAW  // the host frees errors with free()

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/log.h"
#include "check/go_expvar/config.h"
#include "check/go_expvar/go_expvar_check.h"
#include "check/shared_library/abi.h"
#include "check/shared_library/sender.h"

namespace heapwatch::check::shared_library {

namespace {

/// A host that makes ids up without end must not fill the memory.
constexpr std::size_t states_max = 100'000;

/// What lives as long as a check id: counters of collections, series, warnings already logged.
struct State {
  std::mutex mutex;  // one run at a time
  std::string init_config;
  std::string instance;
  std::unique_ptr<Check> check;
  Sender sender;
  std::string logged;  // the warnings of the last run
  std::chrono::steady_clock::time_point used;
};

struct States {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<State>, std::less<>> by_id;
};

States& states() {
  static States* const instance = new States;  // the host may call while the process ends
  return *instance;
}

std::shared_ptr<State> state_of(const char* check_id) {
  States& all = states();
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(all.mutex);
  auto found = all.by_id.find(std::string_view(check_id));
  if (found == all.by_id.end()) {
    if (all.by_id.size() >= states_max) {
      all.by_id.erase(std::min_element(
          all.by_id.begin(), all.by_id.end(),
          [](const auto& a, const auto& b) { return a.second->used < b.second->used; }));
    }
    found = all.by_id.emplace(check_id, std::make_shared<State>()).first;
  }
  found->second->used = now;
  return found->second;
}

std::string joined(const config::Diagnostics& diagnostics) {
  std::string text;
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == config::Diagnostic::Severity::error) {
      text += (text.empty() ? "" : "; ") + config::to_text(diagnostic);
    }
  }
  return text;
}

config::Value parse(const std::string& text, const char* name, config::Diagnostics& diagnostics) {
  config::Value value = config::parse_yaml(text, name, diagnostics);
  if (value.kind == config::Value::Kind::null) {
    value.kind = config::Value::Kind::map;
  }
  return value;
}

/// Keeps what the state has while the configuration stays the same.
base::Result<void> configure(State& state, const char* init_config, const char* instance) {
  if (state.check && state.init_config == init_config && state.instance == instance) {
    return {};
  }
  state.check.reset();
  state.init_config = init_config;
  state.instance = instance;
  config::Diagnostics diagnostics;
  config::CheckConfig file;
  file.check_name = "go_expvar";
  file.file = "instance";
  file.init_config = parse(state.init_config, "init_config", diagnostics);
  file.instances.push_back(parse(state.instance, "instance", diagnostics));
  const config::AgentConfig agent;
  if (!diagnostics.has_errors()) {
    auto config = go_expvar::read_config({file, file.instances.front(), agent}, diagnostics);
    if (config) {
      state.check = std::make_unique<go_expvar::GoExpvarCheck>(*std::move(config));
      return {};
    }
  }
  return base::fail(base::ErrorKind::invalid, joined(diagnostics));
}

/// The ABI has no warnings, and older hosts no log: they go to standard error, once while they
/// stay the same.
void tell_warnings(State& state, const char* check_id, const RunReport& report) {
  std::string warnings;
  for (const std::string& warning : report.warnings) {
    warnings += (warnings.empty() ? "" : "; ") + warning;
  }
  if (warnings != state.logged && !warnings.empty()) {
    base::log(base::LogLevel::warn, "check " + std::string(check_id) + ": " + warnings);
  }
  state.logged = std::move(warnings);
}

base::Result<void> run(char* check_id, const char* init_config, const char* instance,
                       const aggregator_t* aggregator) {
  if (check_id == nullptr || aggregator == nullptr) {
    return base::fail(base::ErrorKind::invalid, "Run needs a check id and an aggregator");
  }
  const std::shared_ptr<State> state = state_of(check_id);
  const std::lock_guard lock(state->mutex);
  if (auto configured = configure(*state, init_config == nullptr ? "" : init_config,
                                  instance == nullptr ? "" : instance);
      !configured) {
    return configured;
  }
  state->sender.begin(check_id, *aggregator);
  const auto report = state->check->run(state->sender);
  if (!report) {
    return tl::unexpected(report.error());
  }
  tell_warnings(*state, check_id, *report);
  return {};
}

void hand_over(const char** error, const char* message) noexcept {
  if (error != nullptr) {
    *error = strdup(message);
  }
}

}  // namespace

}  // namespace heapwatch::check::shared_library

// NOLINTBEGIN(readability-identifier-naming): the names are the ABI's
extern "C" {

__attribute__((visibility("default"))) void Run(char* check_id, char* init_config_yaml,
                                                char* instance_yaml, const aggregator_t* aggregator,
                                                const char** error) noexcept {
  namespace plugin = heapwatch::check::shared_library;
  try {
    const auto outcome = plugin::run(check_id, init_config_yaml, instance_yaml, aggregator);
    if (!outcome) {
      plugin::hand_over(error, outcome.error().message.c_str());
    }
  } catch (const std::exception& thrown) {
    plugin::hand_over(error, thrown.what());
  } catch (...) {
    plugin::hand_over(error, "an unknown exception");
  }
}

__attribute__((visibility("default"))) const char* Version(const char** /*error*/) noexcept {
  return HEAPWATCH_VERSION;
}
}
// NOLINTEND(readability-identifier-naming)
