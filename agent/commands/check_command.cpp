#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <set>
#include <thread>

#include "agent/commands/check_rounds.h"
#include "agent/commands/commands.h"
#include "agent/process/standard_output.h"
#include "agent/process/terminal.h"
#include "agent/wiring/discovered.h"
#include "agent/wiring/exporter_options.h"
#include "base/counted.h"
#include "base/nearest.h"
#include "base/printable.h"
#include "check/children/fork.h"
#include "check/isolation/host.h"
#include "check/schedule/instance_runner.h"
#include "check/shared_library/library.h"
#include "check/target_url.h"
#include "exporters/console/console.h"

namespace heapwatch::agent::commands {

namespace {

namespace console = exporters::console;

/// One instance, and the snapshots of its runs.
struct Ran {
  std::unique_ptr<check::schedule::InstanceRunner> runner;
  std::vector<metrics::Snapshot> runs;
};

void print_errors(const config::Diagnostics& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == config::Diagnostic::Severity::error) {
      std::cerr << "heapwatch: " << config::to_text(diagnostic) << '\n';
    }
  }
}

/// Of sources of targets, which may be away: what they said last counts then.
void print_troubles(const std::vector<wiring::DiscoveryState>& discovered) {
  for (const wiring::DiscoveryState& one : discovered) {
    for (const discovery::SourceState& source : one.sources) {
      if (!source.trouble.empty()) {
        std::cerr << "heapwatch: " << base::printable(source.name + ": " + source.trouble) << '\n';
      }
    }
  }
}

/// Whether the option that a filter `key=value` names has that value in this instance.
bool passes(const config::Value& instance, std::string_view filter) {
  const std::size_t equals = filter.find('=');
  const config::Value* const value = instance.find(filter.substr(0, equals));
  return value != nullptr && value->kind == config::Value::Kind::scalar &&
         value->secret_handle.empty() && value->text == filter.substr(equals + 1);
}

/// The checks that a filter lets through.
std::vector<std::unique_ptr<check::ConfiguredCheck>> chosen(wiring::Configured& configured,
                                                            const CheckOptions& options) {
  std::vector<std::unique_ptr<check::ConfiguredCheck>> checks = std::move(configured.checks);
  if (options.instance_filter.empty()) {
    return checks;
  }
  std::vector<std::string> ids;
  for (const config::PackedCheckConfig& packed : configured.confd.checks) {
    const config::CheckConfig file = packed.unpack();
    for (const config::Value& instance : file.instances) {
      if (file.check_name == options.name && passes(instance, options.instance_filter)) {
        ids.push_back(config::check_id(file, instance));
      }
    }
  }
  const std::string of_target = std::string(check::url_key) + "=";
  std::erase_if(checks, [&](const auto& check) {
    return std::find(ids.begin(), ids.end(), check->instance->id) == ids.end() &&
           options.instance_filter != of_target + check->instance->target;
  });
  return checks;
}

std::vector<Ran> run_all(std::vector<std::unique_ptr<check::ConfiguredCheck>>&& checks,
                         const CheckOptions& options, const config::AgentConfig& agent,
                         MemoryProfiles& profiles) {
  std::vector<Ran> all;
  for (auto& check : checks) {
    Ran& ran = all.emplace_back();
    ran.runner = std::make_unique<check::schedule::InstanceRunner>(std::move(check),
                                                                   wiring::runner_options(agent));
    profiles.before_instance();
    for (int i = 0; i < options.times; ++i) {
      if (i > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(options.pause_ms));
      }
      ran.runs.push_back(ran.runner->run());
      profiles.after_run();
    }
    const std::optional<base::Error>& error = ran.runs.back().error;
    profiles.after_instance(ran.runner->instance().id, error ? error->message : "");
  }
  return all;
}

void print_dogstatsd(const std::vector<Ran>& all, const config::AgentConfig& agent) {
  exporters::dogstatsd::LineOptions options{.tags = agent.tags, .hostname = agent.hostname};
  if (agent.dogstatsd.histogram_aggregates) {
    options.aggregates = wiring::histogram_options(agent);
  }
  for (const Ran& ran : all) {
    for (const metrics::Snapshot& run : ran.runs) {
      std::cout << console::render_dogstatsd(run, options);
    }
  }
}

void print_prometheus(const std::vector<Ran>& all, const config::AgentConfig& agent) {
  auto options = wiring::prometheus_options(agent);
  options.self = nullptr;  // the page of the check, not of this command
  exporters::prometheus::PrometheusExporter exporter(options);
  for (const Ran& ran : all) {
    for (const metrics::Snapshot& run : ran.runs) {
      (void)exporter.publish(run);
    }
  }
  std::cout << exporter.render("").body;
}

/// What a person should know who sees the result of so few runs.
void print_hints(const Ran& ran, const CheckOptions& options, bool colors) {
  const auto unshown = console::series_without_value(ran.runs);
  if (!unshown.empty()) {
    std::string names;
    for (const console::Unshown& series : unshown) {
      names += "  " + base::printable(series.context.name()) + " (" +
               std::string(metrics::to_text(series.type)) + ")\n";
    }
    std::cout << process::colored(
                     base::counted(unshown.size(), "series needs two runs and is not shown",
                                   "series need two runs and are not shown") +
                         "; use --check-rate:",
                     process::Color::yellow, colors)
              << '\n'
              << names;
  }
  if (options.times == 1) {
    std::cout << process::colored(
                     "Check has run only once, if some metrics are missing you can try again "
                     "with --check-rate to see any other metric if available.",
                     process::Color::yellow, colors)
              << '\n';
  }
}

/// Further lines of a text are not taken for lines of ours.
std::string with_lines_below(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    out += c == '\n' ? "  " : "";
  }
  return out;
}

void print_text(const std::vector<Ran>& all, const CheckOptions& options,
                const console::ConsoleOptions& console_options) {
  const bool colors = process::takes_colors(STDOUT_FILENO);
  if (all.size() > 1) {
    std::cout << "Multiple check instances found, running each of them\n";
  }
  for (const Ran& ran : all) {
    std::cout << (options.table ? console::render_table(ran.runs, console_options)
                                : console::render_text(ran.runs, console_options));
    if (!options.table) {
      std::cout << "=== Collector ===\n\n  Running Checks\n  ==============\n\n"
                << console::render_status_heading(ran.runner->instance());
      process::print_status(std::cout,
                            console::render_status_block(ran.runner->stats(), {.colour = colors}));
      std::cout << '\n';
    } else if (!ran.runner->stats().last_error.empty()) {
      std::cerr << "heapwatch: " << ran.runner->instance().id << ": "
                << with_lines_below(ran.runner->stats().last_error) << '\n';
    }
    print_hints(ran, options, colors);
  }
  if (all.size() > 1) {
    std::cout << process::colored(
                     "This check type has " + std::to_string(all.size()) +
                         " instances. If you're looking for a different check instance, try "
                         "filtering on a specific one using the --instance-filter flag",
                     process::Color::yellow, colors)
              << '\n';
  }
}

void print_json(const std::vector<Ran>& all, const console::ConsoleOptions& console_options) {
  std::vector<console::InstanceRuns> instances;
  instances.reserve(all.size());
  for (const Ran& ran : all) {
    instances.push_back({.runs = ran.runs, .status = ran.runner->stats()});
  }
  std::cout << console::render_json(instances, console_options) << '\n';
}

/// What there is, and what is missing, of a check without a file in conf.d.
std::string what_is_missing(const std::string& name, const config::AgentConfig& agent) {
  std::vector<std::filesystem::path> places{agent.shared_libraries.folder /
                                            check::shared_library::file_name_of(name)};
  for (const std::filesystem::path& folder : check::python::check_folders(agent)) {
    places.push_back(folder / (name + ".py"));
    places.push_back(folder / name / "__init__.py");
  }
  const std::string file = (agent.confd_path / (name + ".d") / "conf.yaml").string();
  std::string searched;
  std::error_code unreadable;
  for (const std::filesystem::path& place : places) {
    if (std::filesystem::exists(place, unreadable)) {
      return ": " + place.string() + " is there, and its configuration is missing; write " + file +
             " with at least\n    init_config:\n    instances: [{}]";
    }
    searched += (searched.empty() ? "" : ", ") + place.string();
  }
  return ": there is neither its configuration, " + file + ", nor its code, " + searched;
}

/// Why no instance is left to run.
std::string why_none(const wiring::Configured& configured, const CheckOptions& options) {
  const std::set<std::string, std::less<>>& configured_names = configured.confd.names;
  if (configured_names.contains(options.name)) {
    return "no instance of " + options.name + " in " + configured.agent.confd_path.string() +
           " can run" + (options.instance_filter.empty() ? "" : " with " + options.instance_filter);
  }
  std::vector<std::string_view> known = check::check_names();
  if (std::find(known.begin(), known.end(), options.name) != known.end()) {
    return "no file of " + configured.agent.confd_path.string() + " configures " + options.name +
           "; write " +
           (configured.agent.confd_path / (options.name + ".d") / "conf.yaml").string();
  }
  known.insert(known.end(), configured_names.begin(), configured_names.end());
  return "there is no check \"" + options.name + '"' + base::did_you_mean(options.name, known) +
         what_is_missing(options.name, configured.agent);
}

}  // namespace

int run_check(const wiring::GlobalOptions& global, CheckOptions options) {
  const bool colors = process::takes_colors(STDERR_FILENO);
  if (!options.instance_filter.empty() && options.instance_filter.find('=') == std::string::npos) {
    std::cerr << "heapwatch: --instance-filter takes key=value, not \"" << options.instance_filter
              << "\"\n";
    return 1;
  }
  if (options.check_rate) {
    if (options.times > 2 || options.pause_ms != 0) {
      std::cerr << process::colored(
                       "--check-rate runs twice, a second apart; --check-times and --pause do "
                       "not count",
                       process::Color::yellow, colors)
                << '\n';
    }
    options.times = 2;
    options.pause_ms = 1000;
  }
  const std::optional<int> rounds = rounds_asked();
  check::children::prepare_forks();
  check::spread_no_cost();
  std::optional<process::StandardOutputAside> aside(std::in_place);
  MemoryProfiles profiles(options.memory);
  if (auto begun = options.memory.profile ? validate(options.memory) : base::Result<void>();
      !begun || !(begun = profiles.begin())) {
    std::cerr << "heapwatch: " << begun.error().message << '\n';
    return 1;
  }
  if (options.memory.profile || options.memory.objects || rounds) {
    check::isolation::stay_in_this_process();  // to see its memory
  }
  wiring::Configured configured = wiring::load(global, wiring::WhenWrong::stop, options.name);
  wiring::account_memory(configured.agent);
  print_errors(configured.diagnostics);
  if (configured.agent_is_wrong) {
    return 1;
  }
  print_troubles(wiring::discover_now(configured));
  auto checks = chosen(configured, options);
  if (checks.empty()) {
    std::cerr << "heapwatch: no valid check found: " << why_none(configured, options) << '\n';
    return 1;
  }
  if (rounds) {
    return run_rounds(std::move(checks), configured.agent, *rounds);
  }
  const std::vector<Ran> all = run_all(std::move(checks), options, configured.agent, profiles);
  aside.reset();
  const console::ConsoleOptions console_options{
      .hostname = configured.agent.hostname,
      .histograms = wiring::histogram_options(configured.agent)};
  if (options.dogstatsd) {
    print_dogstatsd(all, configured.agent);
  } else if (options.prometheus) {
    print_prometheus(all, configured.agent);
  } else if (options.json) {
    print_json(all, console_options);
  } else if (options.table || !(options.memory.profile || options.memory.objects)) {
    print_text(all, options, console_options);
  }
  const bool has_format = options.dogstatsd || options.prometheus || options.json || options.table;
  const auto profiled = profiles.end(options.times, !has_format);
  if (!profiled) {
    std::cerr << "heapwatch: " << profiled.error().message << '\n';
  }
  const bool failed = std::any_of(all.begin(), all.end(),
                                  [](const Ran& ran) { return ran.runs.back().error.has_value(); });
  return failed || !profiled ? 1 : 0;
}

}  // namespace heapwatch::agent::commands
