// What a stopped thread is made of, and how it goes back to that. x86-64 only.
#pragma once

#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace heapwatch::attach {

/// All that a thread is made of but its memory.
struct ThreadState {
  user_regs_struct registers{};
  std::vector<std::byte> vectors;  // NT_X86_XSTATE
  std::uint64_t signal_mask = 0;
  /// rseq_cs: the restartable sequence it may be in; 0: none.
  std::uint64_t rseq_section = 0;
  bool has_pending_signal = false;
};

/// A system call that the stop has interrupted.
struct InterruptedCall {
  long number = 0;
  /// The kernel would go on with it when the thread does.
  bool is_restarted = false;
  /// It would go on by notes that the kernel keeps for the last interrupted call alone.
  bool has_kernel_notes = false;
  /// The stop has it end with EINTR, which the program must not see.
  bool is_cut_short = false;
};
[[nodiscard]] std::optional<InterruptedCall> interrupted_call(const ThreadState& state);

/// The registers with which the thread makes its interrupted call anew, from the beginning.
[[nodiscard]] user_regs_struct with_fresh_call(const ThreadState& state);

/// A signal frame as rt_sigreturn takes it: it gives a thread this state. `at` is where it will
/// lie, 64-byte aligned; the stack pointer of rt_sigreturn is `at`.
[[nodiscard]] std::vector<std::byte> signal_frame(const ThreadState& state, std::uint64_t at);
/// Bytes of a frame at most.
inline constexpr std::size_t frame_bytes_max = std::size_t{20} * 1024;

}  // namespace heapwatch::attach
