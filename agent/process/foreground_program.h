// Another program that runs as a child in the place of this one: it gets our signals, and we wait
// for its end.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::agent::process {

/// A library of others that was loaded into this process may have threads that take our signals, so
/// these are caught by handlers, and the end of the program is read from a descriptor of it.
///
/// Threads: one; only one object at a time.
class ForegroundProgram {
 public:
  /// Catches the signals from now on, but for those that are ignored. Errors: io.
  [[nodiscard]] static base::Result<std::unique_ptr<ForegroundProgram>> prepare();
  ForegroundProgram(const ForegroundProgram&) = delete;
  ForegroundProgram& operator=(const ForegroundProgram&) = delete;
  ~ForegroundProgram();

  /// With the exit status that a shell gives then.
  struct NotStarted {
    int status;
    std::string message;
  };
  /// Its number. The program begins with the signals as this process found them.
  [[nodiscard]] tl::expected<pid_t, NotStarted> start(std::vector<std::string> arguments,
                                                      std::vector<std::string> environment);
  /// Passes signals on until the program has ended; its wait status.
  [[nodiscard]] int wait();
  /// The same until then; none when the program still runs.
  [[nodiscard]] std::optional<int> wait_until(std::chrono::steady_clock::time_point until);

 private:
  ForegroundProgram() = default;
  void become(char* const* arguments, char* const* environment, const sigset_t& mask) const;
  void pass_signals_on() const;
  [[nodiscard]] std::optional<int> wait_once(int timeout_ms);

  static constexpr std::array passed{SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  /// What was done about a signal before.
  struct Former {
    int number;
    struct sigaction action;
  };
  std::vector<Former> former_;
  base::Descriptor signals_;
  base::Descriptor handler_;
  pid_t program_ = -1;
  base::Descriptor descriptor_;  // of the program; none where the kernel has no such thing
};

}  // namespace heapwatch::agent::process
