// `heapwatch run`: from the configuration to the end of the process.
#include <cstdlib>
#include <iostream>
#include <utility>

#include "agent/commands/commands.h"
#include "agent/commands/running_agent.h"
#include "agent/process/held_signals.h"
#include "agent/process/signal_watch.h"
#include "agent/wiring/configured.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/memory_reserve.h"
#include "base/printable.h"
#include "base/remembered.h"
#include "base/resident_memory.h"
#include "check/children/fork.h"
#include "config/secrets.h"

namespace heapwatch::agent::commands {

namespace {

using base::LogLevel;

/// How long the last lines of the log may take when nothing else is waited for.
constexpr std::chrono::milliseconds log_patience{100};
/// How long the agent may take to end after it was told to stop.
constexpr std::chrono::milliseconds end_patience{1800};
/// With more series than this the process leaves giving back its memory to the system.
constexpr std::size_t freed_series_max = 50'000;

process::SignalWatch* signal_watch = nullptr;  // set before anybody asks

bool told_to_stop() {
  return signal_watch != nullptr && signal_watch->is_told_to_stop();
}

void log_diagnostics(const config::Diagnostics& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    base::log(diagnostic.severity == config::Diagnostic::Severity::error ? LogLevel::error
                                                                         : LogLevel::warn,
              config::to_text(diagnostic));
  }
}

}  // namespace

int run_agent(const wiring::GlobalOptions& global) {
  const base::LogQueue log_queue;
  process::SignalWatch signals(process::handled_signals(), end_patience);
  if (!signals.is_ready()) {
    std::cerr << "heapwatch: cannot set signal handlers\n";
    return 1;
  }
  check::children::prepare_forks();
  base::spare_memory();
  base::keep_memory_reserve();
  (void)base::release_unused_memory();  // what the loader touched, before more is added to it
  signal_watch = &signals;
  config::give_up_on_secrets_when(told_to_stop);
  wiring::python_loader().serve_heap();
  wiring::Configured configured = wiring::load(global, wiring::WhenWrong::stop);
  if (told_to_stop()) {
    base::log(LogLevel::info, "heapwatch is told to stop before it has started");
    return 0;
  }
  wiring::account_memory(configured.agent);
  if (configured.agent_is_wrong) {
    for (const config::Diagnostic& diagnostic : configured.diagnostics.all()) {
      std::cerr << "heapwatch: " << config::to_text(diagnostic) << '\n';
    }
    std::cerr << "heapwatch: not started: what runs must be what was configured\n";
    return 1;
  }
  base::remembered().bytes_max = configured.agent.limits.process_bytes_max;
  log_diagnostics(configured.diagnostics);
  Agent agent(std::move(configured), global);
  if (const auto started = agent.start(signals); !started) {
    std::cerr << "heapwatch: " << base::printable(started.error().message) << '\n';
    return 1;
  }
  const bool ended = agent.run();
  if (!ended) {
    base::log(LogLevel::warn, "a check did not end in time and was left behind");
  }
  if (!ended || agent.series() > freed_series_max) {
    wiring::python_loader().remove_temporary_files();
    base::flush_log(log_patience);
    std::_Exit(0);  // a thread left behind still uses what the agent's destructor would free
  }
  return 0;
}

}  // namespace heapwatch::agent::commands
