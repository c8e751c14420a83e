#include "attach/safe_point.h"

#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

namespace heapwatch::attach {

namespace {

using memory::process::Mapping;
using memory::process::Range;

constexpr std::uint64_t code_64_bits = 0x33;  // the code segment

/// In these a thread waits for something outside, and holds no lock of the allocator: neither it
/// nor pthread_create nor fork makes them.
bool waits_for_others(long number) {
  switch (number) {
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_pause:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_mq_timedreceive:
    case SYS_rt_sigtimedwait:
    case SYS_rt_sigsuspend:
    case SYS_sched_yield:
    case SYS_io_getevents:
    case SYS_io_uring_enter:
    case SYS_flock:
    case SYS_fsync:
    case SYS_fdatasync:
      return true;
    default:
      return false;
  }
}

bool waits_for_a_lock(long number) {
  return number == SYS_futex || number == SYS_restart_syscall;
}

bool is_guarded(const Program& program, std::uint64_t address) {
  return std::any_of(program.guarded.begin(), program.guarded.end(),
                     [address](const Range& range) { return range.contains(address); });
}

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

/// Whether a handler on the stack has interrupted code that may hold locks. A frame begins with the
/// address that the handler returns to; the kernel's context follows.
bool has_interrupted_guarded_code(const Program& program, std::span<const std::byte> stack) {
  constexpr std::size_t instruction_at = 8 + 40 + 16 * 8;
  constexpr std::size_t step = sizeof(std::uint64_t);
  for (std::size_t at = 0; at + instruction_at + step <= stack.size(); at += step) {
    if (word_at(stack, at) == program.sigreturn &&
        is_guarded(program, word_at(stack, at + instruction_at))) {
      return true;
    }
  }
  return false;
}

/// What holds for any use of a thread.
std::optional<std::string_view> why_not_at_all(const ThreadState& state, const Range& section) {
  if (state.registers.cs != code_64_bits) {
    return "it runs code of another width";
  }
  if (section.contains(state.registers.rip)) {
    return "it is in a restartable sequence";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> why_not_for_calls(const ThreadState& state, const Program& program,
                                                  std::span<const std::byte> stack,
                                                  const Range& section, bool takes_waiting) {
  if (const auto why = why_not_at_all(state, section)) {
    return why;
  }
  const std::uint64_t at = state.registers.rip;
  if (const auto call = interrupted_call(state)) {
    if (program.loader.contains(at)) {
      return "it is in the loader";
    }
    if (waits_for_a_lock(call->number)) {
      if (!takes_waiting) {
        return "it waits for a lock or a condition";
      }
      if (program.lock_wait.contains(at)) {
        return "it waits for a lock of the C library";
      }
    } else if (!waits_for_others(call->number)) {
      return "it is in a system call that the allocator makes, too";
    }
  } else if (is_guarded(program, at)) {
    return "it is in the C library, the loader or the allocator";
  }
  if (has_interrupted_guarded_code(program, stack)) {
    return "a signal handler has interrupted the C library";
  }
  return std::nullopt;
}

std::optional<std::string_view> why_not_for_system_calls(const ThreadState& state,
                                                         std::span<const Mapping> mappings,
                                                         const Range& section) {
  if (const auto why = why_not_at_all(state, section)) {
    return why;
  }
  const std::uint64_t stack = state.registers.rsp;
  const auto found = std::find_if(mappings.begin(), mappings.end(), [stack](const Mapping& one) {
    return one.range().contains(stack);
  });
  if (found == mappings.end() || !found->writable || !found->is_anonymous()) {
    return "its stack is not known";
  }
  if (stack - found->begin < stack_room) {
    return "its stack has no room";
  }
  // The stack of the first thread; or one that pthread_create has made: the thread's own record is
  // at its top, and below it is what nobody may touch.
  const bool is_first = found->name == "[stack]";
  const bool has_record =
      found->range().contains(state.registers.fs_base) && state.registers.fs_base > stack;
  const bool has_guard = found != mappings.begin() && std::prev(found)->end == found->begin &&
                         !std::prev(found)->readable && !std::prev(found)->writable;
  if (!is_first && !(has_record && has_guard)) {
    return "it is on a stack that is not the thread's own";
  }
  return std::nullopt;
}

}  // namespace heapwatch::attach
