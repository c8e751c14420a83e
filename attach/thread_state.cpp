#include "attach/thread_state.h"

#include <cpuid.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace heapwatch::attach {

namespace {

// What the kernel has in rax of a call that a stop has interrupted; no user sees these.
constexpr long restart_always = -512;      // ERESTARTSYS
constexpr long restart_no_intr = -513;     // ERESTARTNOINTR
constexpr long restart_no_handler = -514;  // ERESTARTNOHAND
constexpr long restart_by_notes = -516;    // ERESTART_RESTARTBLOCK

/// Calls that end with EINTR when a tracer stops them, although no signal came.
bool is_cut_short_by_stops(long number) {
  switch (number) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_read:
    case SYS_readv:
    case SYS_accept:
    case SYS_accept4:
    case SYS_io_getevents:
      return true;
    default:
      return false;
  }
}

/// The size that the saved vector state has up to the last part of it in use.
std::uint32_t used_bytes(std::uint64_t parts) {
  constexpr std::uint32_t least = 512 + 64;
  std::uint32_t bytes = least;
  for (unsigned part = 2; part < 63; ++part) {
    std::uint32_t size = 0;
    std::uint32_t offset = 0;
    std::uint32_t ignored = 0;
    std::uint32_t more = 0;
    if ((parts >> part & 1U) != 0 &&
        __get_cpuid_count(0xd, part, &size, &offset, &ignored, &more) != 0) {
      bytes = std::max(bytes, offset + size);
    }
  }
  return bytes;
}

}  // namespace

std::optional<InterruptedCall> interrupted_call(const ThreadState& state) {
  const auto number = static_cast<long>(state.registers.orig_rax);
  if (number < 0) {
    return std::nullopt;
  }
  const auto result = static_cast<long>(state.registers.rax);
  return InterruptedCall{.number = number,
                         .is_restarted = result == restart_always || result == restart_no_intr ||
                                         result == restart_no_handler || result == restart_by_notes,
                         .has_kernel_notes = result == restart_by_notes,
                         .is_cut_short = result == -EINTR && is_cut_short_by_stops(number) &&
                                         !state.has_pending_signal};
}

user_regs_struct with_fresh_call(const ThreadState& state) {
  user_regs_struct registers = state.registers;
  const auto call = interrupted_call(state);
  if (call && (call->is_restarted || call->is_cut_short)) {
    constexpr unsigned instruction_bytes = 2;
    registers.rip -= instruction_bytes;
    registers.rax = static_cast<unsigned long long>(call->number);
  }
  registers.orig_rax = ~0ULL;
  return registers;
}

std::vector<std::byte> signal_frame(const ThreadState& state, std::uint64_t at) {
  // As the kernel's struct ucontext, which is not glibc's.
  struct Context {
    std::uint64_t flags;
    std::uint64_t link;
    std::uint64_t stack_pointer;
    std::uint32_t stack_flags;
    std::uint32_t pad;
    std::uint64_t stack_size;
    struct sigcontext machine;
    std::uint64_t mask;
  };
  static_assert(sizeof(Context) == 304);
  constexpr std::size_t vectors_at = 320;  // 64-byte aligned, behind the context
  const user_regs_struct registers = with_fresh_call(state);
  Context context{};
  context.flags = 1U | 2U | 4U;  // vectors behind it, with ss, which counts
  // No way to set an alternate stack: the kernel leaves the one that there is.
  context.stack_flags = 7;
  context.machine.r8 = registers.r8;
  context.machine.r9 = registers.r9;
  context.machine.r10 = registers.r10;
  context.machine.r11 = registers.r11;
  context.machine.r12 = registers.r12;
  context.machine.r13 = registers.r13;
  context.machine.r14 = registers.r14;
  context.machine.r15 = registers.r15;
  context.machine.rdi = registers.rdi;
  context.machine.rsi = registers.rsi;
  context.machine.rbp = registers.rbp;
  context.machine.rbx = registers.rbx;
  context.machine.rdx = registers.rdx;
  context.machine.rax = registers.rax;
  context.machine.rcx = registers.rcx;
  context.machine.rsp = registers.rsp;
  context.machine.rip = registers.rip;
  context.machine.eflags = registers.eflags;
  context.machine.cs = static_cast<unsigned short>(registers.cs);
  context.machine.__pad0 = static_cast<unsigned short>(registers.ss);  // ss
  context.mask = state.signal_mask;
  constexpr std::size_t header_at = 512;
  constexpr std::size_t software_at = 464;
  std::vector<std::byte> frame(vectors_at + state.vectors.size() + 64);
  std::byte* const vectors = frame.data() + vectors_at;
  if (state.vectors.size() >= header_at + 64) {
    std::memcpy(vectors, state.vectors.data(), state.vectors.size());
    std::uint64_t parts = 0;
    std::memcpy(&parts, vectors + header_at, sizeof parts);
    const std::uint32_t bytes = std::min<std::uint32_t>(
        used_bytes(parts), static_cast<std::uint32_t>(state.vectors.size()));
    struct _fpx_sw_bytes software {};
    software.magic1 = FP_XSTATE_MAGIC1;
    software.extended_size = bytes + FP_XSTATE_MAGIC2_SIZE;
    software.xstate_bv = parts | 3U;
    software.xstate_size = bytes;
    std::memcpy(vectors + software_at, &software, sizeof software);
    const std::uint32_t end_mark = FP_XSTATE_MAGIC2;
    std::memcpy(vectors + bytes, &end_mark, sizeof end_mark);
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
  context.machine.fpstate = reinterpret_cast<_fpstate*>(at + vectors_at);
  std::memcpy(frame.data(), &context, sizeof context);
  return frame;
}

}  // namespace heapwatch::attach
