// The exporters that there are, a row each, and those that run.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "check/schedule/scheduler.h"
#include "config/agent_config.h"
#include "exporters/exporter.h"
#include "exporters/pyroscope/program.h"

namespace heapwatch::agent::wiring {

/// One of the exporters that there are, as heapwatch's own pages show it.
struct ExporterState {
  std::string name;     // at /debug/vars, and of its queue
  std::string title;    // as `status` calls it
  std::string address;  // where it sends, or is read, as people may know it; empty: it is off
  exporters::ExporterFigures figures;
  std::uint64_t lost = 0;  // snapshots for which it had no memory
};

/// The exporters that the configuration switches on.
///
/// Threads: those of exporters::Exporter; states() from any.
class Exporters {
 public:
  /// What heapwatch counts of itself, for an exporter that is scraped. Called from any thread.
  using OwnFamilies = std::function<std::vector<exporters::OwnFamily>()>;

  /// Makes them. `programs`: whose heap profiles are sent. Errors: invalid, when an option of one
  /// is wrong.
  [[nodiscard]] base::Result<void> start(const config::AgentConfig& agent, const OwnFamilies& own,
                                         const exporters::pyroscope::Programs& programs);

  void publish(const metrics::Snapshot& snapshot);
  [[nodiscard]] check::schedule::Scheduler::Slice publish_slices(const metrics::Snapshot& snapshot);
  void forget(const metrics::Instance& instance);
  void hand_over(const metrics::Instance& instance);
  /// Gives back memory for so long; false when there is no more.
  bool tidy(std::chrono::milliseconds slice);
  /// Waits for all of them; each waits so long at most.
  void drain(std::chrono::milliseconds patience);

  /// Of every exporter that there is, on or off, in the order of the table.
  [[nodiscard]] std::vector<ExporterState> states() const;

  struct Served {
    std::string name;
    std::string address;
    std::vector<net::Route> pages;
  };
  /// What is to be served for those that are read. Ends before this object does.
  [[nodiscard]] std::vector<Served> served() const;

 private:
  struct Running {
    std::unique_ptr<exporters::Exporter> exporter;  // null: it is off
    std::string address;
  };
  template <typename Do>
  void each(const Do& act) const;

  std::vector<Running> running_;  // by row
};

}  // namespace heapwatch::agent::wiring
