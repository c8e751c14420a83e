// Stops a process for some milliseconds and has it fork: the twin, which is read in its place.
#pragma once

#include <sys/user.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace heapwatch::memory::process {

/// Whether a thread ends just now: the kernel lets nobody trace it any more. Waits up to 20 ms for
/// it to be seen.
[[nodiscard]] bool is_at_its_end(int pid, int tid);

/// Holds the threads of a process stopped, by ptrace. x86-64 only.
///
/// Threads: the kernel takes ptrace calls from the thread alone that seized.
class Tracer {
 public:
  explicit Tracer(int pid) : pid_(pid) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer() { let_go(); }

  /// Stops every thread. Errors: refused (a debugger has it), timeout when a thread does not stop,
  /// not_found.
  [[nodiscard]] base::Result<void> stop_all();
  /// Stops one thread, whichever comes first.
  [[nodiscard]] base::Result<void> stop_one();
  /// Lets all threads run on, with the signals that came meanwhile.
  void let_go();

  /// Has one stopped thread fork; the child is stopped, traced by us, and never runs. `syscall` is
  /// the address of a system call instruction. Errors: io, with the system's words.
  [[nodiscard]] base::Result<int> fork_twin(std::uint64_t syscall);
  /// Has one stopped thread take the exit status of a child that is dead.
  void reap(std::uint64_t syscall, int child);

  /// The registers of the threads that were stopped.
  [[nodiscard]] const std::map<int, user_regs_struct>& registers() const { return registers_; }

 private:
  struct Call {
    long number = 0;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t third = 0;
  };
  struct Result {
    long value = 0;
    int child = 0;
  };
  [[nodiscard]] base::Result<void> stop(int tid);
  [[nodiscard]] base::Result<Result> inject(int tid, std::uint64_t syscall, const Call& call);
  [[nodiscard]] bool restore(int tid, const user_regs_struct& saved);
  void remember_signal(int tid, int status);

  int pid_;
  std::vector<int> stopped_;
  std::map<int, std::vector<int>> signals_;  // that came while a thread was ours
  std::map<int, user_regs_struct> registers_;
};

}  // namespace heapwatch::memory::process
