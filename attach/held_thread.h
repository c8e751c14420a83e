// One thread of another process, stopped for a moment. x86-64 only.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "attach/thread_state.h"
#include "base/error.h"

namespace heapwatch::attach {

/// Traces a thread while it lives. Whatever happens to us, the thread goes on with the registers
/// that it has at that moment.
///
/// Threads: the kernel takes ptrace calls from the thread alone that seized.
class HeldThread {
 public:
  HeldThread(int pid, int tid) : pid_(pid), tid_(tid) {}
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  /// Lets it go.
  ~HeldThread();

  /// Stops it. Errors: refused, not_found when it has ended, timeout when it does not stop,
  /// unreachable when all of the process is stopped by a signal.
  [[nodiscard]] base::Result<ThreadState> stop();
  [[nodiscard]] int tid() const { return tid_; }

  /// While it is stopped. Errors: not_found when it has ended, io.
  [[nodiscard]] base::Result<void> set_registers(const user_regs_struct& registers);
  [[nodiscard]] base::Result<void> set_signal_mask(std::uint64_t mask);
  [[nodiscard]] base::Result<void> set_vectors(const std::vector<std::byte>& vectors);
  /// Has it make the system call that its registers stand before. Errors: as above; timeout.
  [[nodiscard]] base::Result<std::int64_t> finish_call();
  /// Lets it run on, still ours.
  [[nodiscard]] base::Result<void> run();
  enum class Seen { running, ended, crashed };
  /// Whether it has come to an end of its own. `crashed`: it is stopped before a signal of a fault.
  [[nodiscard]] Seen look();
  /// Stops it again, in a stop from which the kernel restarts an interrupted call.
  [[nodiscard]] base::Result<void> stop_again();
  /// The instruction that it stands at.
  [[nodiscard]] base::Result<user_regs_struct> registers();

 private:
  [[nodiscard]] base::Result<int> wait(std::chrono::milliseconds limit);
  [[nodiscard]] base::Result<void> wait_for_event_stop(std::chrono::milliseconds patience);

  int pid_;
  int tid_;
  bool is_seized_ = false;
  bool is_stopped_ = false;
  bool has_ended_ = false;
  bool stands_before_fault_ = false;
  std::vector<int> kept_signals_;
};

}  // namespace heapwatch::attach
