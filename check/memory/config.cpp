#include "check/memory/config.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/number.h"
#include "check/instance_options.h"
#include "check/target_url.h"
#include "config/section.h"
#include "leak/judge.h"
#include "memory/go_counters.h"

namespace heapwatch::check::memory {

namespace {

using config::Section;

constexpr Section::Range walk_seconds{1, 24.0 * 3600};
constexpr Section::Range timeout_seconds{0.1, 60};
constexpr Section::Range budget_percent{0.01, 100};
constexpr std::int64_t processes_limit = 1000;
/// Of a window in which processes are judged: shorter ones say nothing.
constexpr Section::Range window_seconds{leak::window_min_s, 7.0 * 24 * 3600};
constexpr std::size_t windows_max = 4;
constexpr std::int64_t profiles_limit = 10'000;
constexpr std::int64_t profile_bytes_least = std::int64_t{1} << 16;
constexpr std::int64_t profile_bytes_limit = std::int64_t{1} << 40;

std::shared_ptr<const re2::RE2> read_pattern(Section& instance, const std::string& text) {
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  auto pattern = std::make_shared<const re2::RE2>(text, quiet);
  if (!pattern->ok()) {
    instance.error("pattern", "pattern must be a regular expression (RE2): " + pattern->error());
    return nullptr;
  }
  return pattern;
}

/// The address of a Go program on this machine: the process that listens there is meant, and its
/// series get the tag that those of go_expvar have.
std::optional<Choice> read_expvar_url(Section& instance, MemoryConfig& config) {
  const auto target = read_target_url(instance);
  if (!target) {
    return std::nullopt;
  }
  const unsigned port = address_of(target->url).port;
  if (!target->unix_socket.empty() || port == 0) {
    instance.error("expvar_url",
                   "expvar_url must be the address of a TCP port, by which the process is found");
    return std::nullopt;
  }
  net::HttpRequest page;
  aim(page, *target);
  page.body_bytes_max = heapwatch::memory::counters_page_bytes_max;
  config.page = std::move(page);
  config.tags.push_back("expvar_url:" + target->shown);
  return Choice{.kind = ChoiceKind::port, .text = {}, .port = port, .pattern = nullptr};
}

std::optional<Choice> read_text_choice(Section& instance, std::string_view key, ChoiceKind kind) {
  Choice choice{.kind = kind, .text = instance.text(key).value_or(""), .port = 0, .pattern = {}};
  if (choice.text.empty()) {
    instance.error(key, std::string(key) + " is empty");
    return std::nullopt;
  }
  if (kind == ChoiceKind::cgroup && choice.text.front() != '/') {
    instance.error(key,
                   "cgroup must be a path from the root of the control groups, as "
                   "/proc/PID/cgroup has it, not \"" +
                       choice.text + '"');
    return std::nullopt;
  }
  if (kind == ChoiceKind::pattern) {
    choice.pattern = read_pattern(instance, choice.text);
    return choice.pattern ? std::optional(choice) : std::nullopt;
  }
  return choice;
}

struct Key {
  std::string_view name;
  ChoiceKind kind;
  bool is_of_many = true;  // it may be several processes, whichever they are
};
constexpr std::array keys{
    Key{"pid_file", ChoiceKind::pid_file, false},
    Key{"process_name", ChoiceKind::process_name},
    Key{"pattern", ChoiceKind::pattern},
    Key{"systemd_unit", ChoiceKind::systemd_unit},
    Key{"cgroup", ChoiceKind::cgroup},
    Key{"port", ChoiceKind::port},
    Key{"expvar_url", ChoiceKind::port, false},
    Key{"self", ChoiceKind::self, false},
    Key{"exec", ChoiceKind::exec},
};

std::optional<Choice> read_choice_at(Section& instance, const Key& key, MemoryConfig& config) {
  if (key.name == "expvar_url") {
    return read_expvar_url(instance, config);
  }
  if (key.kind == ChoiceKind::port) {
    const auto port = instance.integer("port", 1, 65535);
    return port ? std::optional(Choice{.kind = key.kind,
                                       .text = {},
                                       .port = static_cast<unsigned>(*port),
                                       .pattern = nullptr})
                : std::nullopt;
  }
  if (key.kind == ChoiceKind::self || key.kind == ChoiceKind::exec) {
    return Choice{.kind = key.kind, .text = {}, .port = 0, .pattern = nullptr};
  }
  return read_text_choice(instance, key.name, key.kind);
}

/// Exactly one of the keys says which processes are meant. `what` is what has them.
std::optional<Choice> read_choice(Section& instance, MemoryConfig& config, bool are_many,
                                  const std::string& what) {
  std::vector<const Key*> given;
  std::string names;
  for (const Key& key : keys) {
    if (are_many && !key.is_of_many) {
      continue;
    }
    names += (names.empty() ? "" : ", ") + std::string(key.name);
    const config::Value* const value = instance.raw(key.name);
    if (value == nullptr || value->kind == config::Value::Kind::null) {
      continue;
    }
    const bool is_switch = key.kind == ChoiceKind::self || key.kind == ChoiceKind::exec;
    if (!is_switch || instance.boolean(key.name).value_or(false)) {
      given.push_back(&key);
    }
  }
  if (given.empty()) {
    instance.error("", what + " needs one of " + names + ", to say which processes it watches");
    return std::nullopt;
  }
  if (given.size() > 1) {
    instance.error(given[1]->name, what + " takes one of " + names + ", not both " +
                                       std::string(given[0]->name) + " and " +
                                       std::string(given[1]->name));
    return std::nullopt;
  }
  return read_choice_at(instance, *given.front(), config);
}

/// What may stand in init_config too; the instance's own wins.
void read_limits(Section& init_config, Section& instance, MemoryConfig& config) {
  const auto walk = init_config.seconds("walk_interval", walk_seconds);
  config.walk_interval =
      instance.seconds("walk_interval", walk_seconds).value_or(walk.value_or(config.walk_interval));
  const auto timeout = init_config.seconds("timeout", timeout_seconds);
  config.timeout =
      instance.seconds("timeout", timeout_seconds).value_or(timeout.value_or(config.timeout));
  constexpr double percent = 100;
  const auto budget = init_config.number("cpu_budget", budget_percent);
  config.cpu_budget = instance.number("cpu_budget", budget_percent)
                          .value_or(budget.value_or(config.cpu_budget * percent)) /
                      percent;
  const auto processes = init_config.integer("max_processes", 1, processes_limit);
  config.processes_max = static_cast<std::size_t>(
      instance.integer("max_processes", 1, processes_limit)
          .value_or(processes.value_or(static_cast<std::int64_t>(config.processes_max))));
  const auto root = init_config.text("cgroup_root");
  config.cgroup_root = instance.text("cgroup_root").value_or(root.value_or(config.cgroup_root));
  const auto types = init_config.boolean("types");
  config.types = instance.boolean("types").value_or(types.value_or(config.types));
}

/// A list of numbers, each larger than the one before it.
std::optional<std::vector<double>> read_windows(Section& section) {
  constexpr std::string_view key = "leak_windows";
  const config::Value* const value = section.raw(key);
  if (value == nullptr || value->kind == config::Value::Kind::null) {
    return std::nullopt;
  }
  const std::string wanted =
      "leak_windows must be one to four lengths in seconds, from 15 to 604800, each longer than "
      "the one "
      "before it, such as [600, 3600, 86400]";
  std::vector<double> windows;
  for (const config::Value& item : value->items) {
    const auto number =
        item.kind == config::Value::Kind::scalar ? base::parse_number(item.text) : std::nullopt;
    const double length = number ? number->to_double() : 0;
    const bool is_longer = windows.empty() || length > windows.back();
    if (!is_longer || length < window_seconds.min || length > window_seconds.max) {
      section.error(key, wanted + ", not " + config::shown(item) + " in place " +
                             std::to_string(windows.size() + 1));
      return std::nullopt;
    }
    windows.push_back(length);
  }
  if (windows.empty() || windows.size() > windows_max) {
    section.error(key, wanted);
    return std::nullopt;
  }
  return windows;
}

void read_profiles(Section& init_config, Section& instance, ProfileFolderOptions& profiles) {
  const auto folder = init_config.text("profile_dir");
  profiles.path = instance.text("profile_dir").value_or(folder.value_or(""));
  const auto files = init_config.integer("max_profiles", 1, profiles_limit);
  profiles.files_max = static_cast<std::size_t>(
      instance.integer("max_profiles", 1, profiles_limit)
          .value_or(files.value_or(static_cast<std::int64_t>(profiles.files_max))));
  const auto bytes =
      init_config.integer("max_profile_bytes", profile_bytes_least, profile_bytes_limit);
  profiles.bytes_max = static_cast<std::uint64_t>(
      instance.integer("max_profile_bytes", profile_bytes_least, profile_bytes_limit)
          .value_or(bytes.value_or(static_cast<std::int64_t>(profiles.bytes_max))));
}

void read_leak(Section& init_config, Section& instance, MemoryConfig& config) {
  const auto inherited = read_windows(init_config);
  config.leak_windows = read_windows(instance).value_or(inherited.value_or(config.leak_windows));
  read_profiles(init_config, instance, config.profiles);
  const auto judges = init_config.boolean("leak");
  if (!instance.boolean("leak").value_or(judges.value_or(true))) {
    config.leak_windows.clear();
  }
}

/// To processes that are named: what a pattern or a control group has may be anything.
constexpr std::array attach_kinds{ChoiceKind::process_name, ChoiceKind::pid_file,
                                  ChoiceKind::systemd_unit, ChoiceKind::port};

bool read_attach(Section& instance, const std::optional<Choice>& choice,
                 const config::AgentConfig& agent) {
  if (!instance.boolean("attach").value_or(false)) {
    return false;
  }
  if (!agent.attach) {
    instance.error("attach",
                   "attach: true needs attach: true in heapwatch.yaml, too, and the rights for it");
  }
  if (choice &&
      std::find(attach_kinds.begin(), attach_kinds.end(), choice->kind) == attach_kinds.end()) {
    instance.error("attach",
                   "attach is for processes that are named: by process_name, pid_file, "
                   "systemd_unit, port or expvar_url");
  }
  return true;
}

}  // namespace

std::optional<MemoryConfig> read_config(const InstanceSource& source,
                                        config::Diagnostics& diagnostics) {
  InstanceSections sections(source);
  Section& init_config = sections.init_config;
  Section& instance = sections.instance;
  MemoryConfig config;
  auto options = read_instance_options(init_config, instance, source.file.check_name, source.agent);
  auto choice = read_choice(instance, config, false, "an instance");
  read_limits(init_config, instance, config);
  read_leak(init_config, instance, config);
  config.attach = read_attach(instance, choice, source.agent);
  const bool well = sections.finish(diagnostics);
  if (!well || !choice || !options) {
    return std::nullopt;
  }
  config.target = shown(*choice);
  config.choice = *std::move(choice);
  config.tags.insert(config.tags.begin(), options->tags.begin(), options->tags.end());
  if (config.page) {
    config.page->connect_timeout = std::min(config.page->connect_timeout, config.timeout);
    config.page->read_timeout = std::min(config.page->read_timeout, config.timeout);
    config.page->total_timeout = config.timeout;
  }
  config.name = options->name;
  if (options->empty_default_hostname) {
    config.host = std::string();
  }
  config.interval = options->interval;
  config.allows = [patterns = std::move(options->metric_patterns)](std::string_view name) {
    return patterns.allows(name);
  };
  return config;
}

std::optional<Choice> read_choice_of_processes(Section& section) {
  MemoryConfig not_needed;
  return read_choice(section, not_needed, true, "a source of processes");
}

}  // namespace heapwatch::check::memory
