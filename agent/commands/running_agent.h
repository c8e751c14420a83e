// The agent as it runs: the loop, the scheduler, the exporters and the pages, wired together.
#pragma once

#include <memory>
#include <vector>

#include "agent/pages/check_verdicts.h"
#include "agent/pages/memory_page.h"
#include "agent/pages/native_pages.h"
#include "agent/pages/own_heap.h"
#include "agent/pages/own_metrics.h"
#include "agent/pages/probe.h"
#include "agent/pages/pulse.h"
#include "agent/pages/self_report.h"
#include "agent/process/service_manager.h"
#include "agent/process/signal_watch.h"
#include "agent/web/history_of_agent.h"
#include "agent/wiring/exporters.h"
#include "agent/wiring/reloader.h"
#include "base/error.h"
#include "check/memory_verdicts.h"
#include "check/schedule/scheduler.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace heapwatch::agent::commands {

/// Threads: start() and run() from one; the pages read it from threads of the servers.
class Agent {
 public:
  Agent(wiring::Configured configured, const wiring::GlobalOptions& global)
      : configured_(std::move(configured)), global_(global) {}

  /// Everything that can fail, before anything runs.
  base::Result<void> start(process::SignalWatch& signals);
  /// Until a signal says stop. False when a check did not end in time.
  bool run();
  [[nodiscard]] std::size_t series() const { return scheduler_->totals().contexts; }

 private:
  void watch_configuration();
  base::Result<void> start_pages();
  void measure_python_memory();
  void watch_checks();
  [[nodiscard]] std::vector<pages::CheckMemory> memory_of_checks() const;
  void keep_in_history(const metrics::Snapshot& snapshot);
  void tidy();
  [[nodiscard]] pages::OwnFigures own_figures() const;
  [[nodiscard]] pages::SelfReport report() const;
  base::Result<void> start_exporter_pages();
  base::Result<void> read_access();

  wiring::Configured configured_;  // as it was at the start
  wiring::GlobalOptions global_;
  process::ServiceManager service_;
  process::SignalWatch* signals_ = nullptr;
  std::unique_ptr<net::EventLoop> loop_;
  wiring::Exporters exporters_;
  std::unique_ptr<check::schedule::Scheduler> scheduler_;
  bool python_memory_measured_ = false;
  pages::HeapPages heap_pages_{[](const net::ServerRequest& request) {
    return pages::own_heap(wiring::python_loader(), request);
  }};
  pages::MemoryPage memory_page_{pages::look_at_own_memory, std::chrono::steady_clock::now,
                                 check::memory_verdicts};
  std::unique_ptr<wiring::Reloader> reloader_;
  pages::CheckVerdicts check_verdicts_;
  std::unique_ptr<pages::Pulse> pulse_;
  std::unique_ptr<web::AgentHistory> history_;             // null: switched off
  std::shared_ptr<net::ServerAccess> access_;              // null: anybody, in plain
  std::unique_ptr<pages::Probe> probe_;                    // null: not wanted
  std::vector<std::unique_ptr<net::HttpServer>> servers_;  // after what their handlers read
};

}  // namespace heapwatch::agent::commands
