// A check that runs in a process of its own: what it does there costs the agent nothing but its
// run.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "check/check.h"
#include "check/isolation/process.h"
#include "check/loader.h"
#include "check/told.h"

namespace heapwatch::check::isolation {

/// Waits before a process is started again after it ended or was ended: from the first on twice as
/// long each time, until a run comes to its end.
inline constexpr std::chrono::milliseconds first_wait{1000};
inline constexpr std::chrono::milliseconds longest_wait{300'000};

struct IsolationOptions {
  /// What is started: the program itself, with the argument that makes it the host of a check.
  std::string program = "/proc/self/exe";
  std::vector<std::string> arguments;
  std::chrono::milliseconds run_timeout{120'000};
  std::chrono::milliseconds load_timeout{60'000};
  /// Where what checks tell of themselves is kept; null: nowhere.
  ToldByProcesses* told = nullptr;
};

/// Threads: as Check.
class IsolatedCheck final : public Check {
 public:
  IsolatedCheck(IsolationOptions options, Load load, std::string id);
  IsolatedCheck(const IsolatedCheck&) = delete;
  IsolatedCheck& operator=(const IsolatedCheck&) = delete;
  ~IsolatedCheck() override;

  /// Starts the process and loads the check there; the version of the check. Errors: those of the
  /// check's own loader; io, unreachable, timeout, limit, invalid as Process has them.
  [[nodiscard]] base::Result<std::string> load();

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;
  /// A profiler of the check's language runs where the check does.
  [[nodiscard]] bool profiles_itself() const override { return true; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] base::Result<void> start_again();
  [[nodiscard]] base::Result<RunReport> converse(metrics::SampleSink& sink);
  [[nodiscard]] base::Result<std::string> await_loaded(Clock::time_point deadline);
  void take(const Telling& telling);
  base::Error give_up(base::Error error);

  IsolationOptions options_;
  Load load_;
  std::string id_;
  std::unique_ptr<Process> process_;  // null: ended
  std::chrono::milliseconds wait_{0};
  Clock::time_point next_start_;
};

/// Loads checks into processes of their own, whatever they are written in.
class IsolatingLoader final : public Loader {
 public:
  /// `name` as a `loader:` says, or "process". `common` is what all Load messages share.
  IsolatingLoader(std::string name, IsolationOptions options, Load common)
      : name_(std::move(name)), options_(std::move(options)), common_(std::move(common)) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] base::Result<LoadedCheck> load(const InstanceSource& source,
                                               const std::string& id) override;

 private:
  std::string name_;
  IsolationOptions options_;
  Load common_;
};

}  // namespace heapwatch::check::isolation
