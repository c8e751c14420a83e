// Keeps what runs in step with the files of the configuration.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/process/service_manager.h"
#include "agent/wiring/config_watch.h"
#include "agent/wiring/discovered.h"
#include "agent/wiring/reload.h"
#include "check/schedule/scheduler.h"
#include "net/event_loop.h"

namespace heapwatch::agent::wiring {

/// Reads the configuration again when asked and when files change: on a thread of its own, because
/// secrets may take their time, and one reading after the other. What it comes to is done on the
/// loop.
///
/// Threads: the loop's, except state() and in_force().
class Reloader {
 public:
  struct Parts {
    net::EventLoop& loop;
    check::schedule::Scheduler& scheduler;
    const process::ServiceManager& service;
    /// The instance is configured no more.
    std::function<void(const metrics::Instance&)> forget;
    /// Likewise, and another agent watches it from now on.
    std::function<void(const metrics::Instance&)> hand_over;
    /// After each reading: what runs may be of kinds that did not run before.
    std::function<void()> applied;
    /// Targets have come or gone in between.
    std::function<void()> changed;
  };
  Reloader(Parts parts, GlobalOptions options, Configured& configured);
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;
  ~Reloader();

  /// Also reads again whenever a file changed.
  void watch_files();
  /// `asked_for`: by a person, who wants an answer also when nothing changed.
  void request(bool asked_for);

  /// After the loop has ended. False when a reading, or a question to a source, is still going on
  /// after `patience`: it must not be left to outlive this object.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  [[nodiscard]] ReloadState state() const;
  /// What is discovered. From any thread: Discovered::states() and targets().
  [[nodiscard]] const Discovered& discovered() const { return discovered_; }
  /// The configuration that is in force. From any thread.
  [[nodiscard]] std::shared_ptr<const InForce> in_force() const;

 private:
  void look_after_files();
  void files_changed();
  void begin();
  void finish(Reload reload);
  void start(std::unique_ptr<check::ConfiguredCheck> check);
  void note(const Reload& reload);
  void tell_ready() const;

  Parts parts_;
  GlobalOptions options_;
  RunningInstances running_;
  Discovered discovered_;
  std::optional<ConfigWatch> watch_;
  bool watch_refused_ = false;  // and told
  std::optional<net::EventLoop::TimerId> settling_;
  std::chrono::steady_clock::time_point unsettled_since_;
  std::thread reading_;
  std::atomic<bool> has_read_{true};
  bool busy_ = false;
  bool again_ = false;
  bool asked_for_ = false;

  mutable std::mutex mutex_;
  std::shared_ptr<const InForce> in_force_;  // never null
  ReloadState state_;
};

}  // namespace heapwatch::agent::wiring
