#include "attach/safe_point.h"

#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

namespace heapwatch::attach {
namespace {

using memory::process::Mapping;
using memory::process::Range;

constexpr std::uint64_t in_program = 0x400100;
constexpr std::uint64_t in_libc = 0x7f0000001000;
constexpr std::uint64_t in_lock_wait = 0x7f0000008000;
constexpr std::uint64_t in_loader = 0x7f0001001000;
constexpr std::uint64_t handler_return = 0x7f0000004000;
constexpr long restart_always = -512;

Program glibc() {
  Program program;
  program.sigreturn = handler_return;
  program.lock_wait = {in_lock_wait, in_lock_wait + 100};
  program.loader = {0x7f0001000000, 0x7f0001020000};
  program.guarded = {{0x7f0000000000, 0x7f0000100000}, program.loader};
  return program;
}

ThreadState running(std::uint64_t at) {
  ThreadState state;
  state.registers.rip = at;
  state.registers.cs = 0x33;
  state.registers.orig_rax = ~0ULL;
  return state;
}

ThreadState in_call(long number, std::uint64_t at = in_libc, long result = restart_always) {
  ThreadState state = running(at);
  state.registers.orig_rax = static_cast<unsigned long long>(number);
  state.registers.rax = static_cast<unsigned long long>(result);
  return state;
}

std::optional<std::string_view> why_not(const ThreadState& state, bool takes_waiting = false,
                                        std::span<const std::byte> stack = {}) {
  return why_not_for_calls(state, glibc(), stack, {}, takes_waiting);
}

TEST(SafePoint, a_thread_in_the_programs_own_code_is_taken) {
  EXPECT_EQ(why_not(running(in_program)), std::nullopt);
}

TEST(SafePoint, a_thread_in_the_c_library_or_the_loader_is_not) {
  EXPECT_NE(why_not(running(in_libc)), std::nullopt);
  EXPECT_NE(why_not(running(in_loader)), std::nullopt);
}

TEST(SafePoint, a_thread_that_waits_for_others_is_taken) {
  for (const long number : {SYS_read, SYS_poll, SYS_epoll_wait, SYS_clock_nanosleep, SYS_accept4,
                            SYS_recvmsg, SYS_wait4, SYS_semtimedop}) {
    EXPECT_EQ(why_not(in_call(number)), std::nullopt) << number;
  }
}

TEST(SafePoint, a_thread_in_a_call_of_the_allocator_is_not) {
  for (const long number : {SYS_mmap, SYS_munmap, SYS_brk, SYS_mprotect, SYS_madvise, SYS_clone,
                            SYS_openat, SYS_getrandom, SYS_clone3}) {
    EXPECT_NE(why_not(in_call(number), true), std::nullopt) << number;
  }
}

TEST(SafePoint, a_read_of_the_loader_is_not_one_of_the_program) {
  EXPECT_NE(why_not(in_call(SYS_read, in_loader), true), std::nullopt);
}

TEST(SafePoint, who_waits_for_a_lock_is_taken_last_and_never_where_the_c_library_waits) {
  EXPECT_NE(why_not(in_call(SYS_futex)), std::nullopt);
  EXPECT_EQ(why_not(in_call(SYS_futex), true), std::nullopt);
  EXPECT_EQ(why_not(in_call(SYS_restart_syscall), true), std::nullopt);
  EXPECT_NE(why_not(in_call(SYS_futex, in_lock_wait), true), std::nullopt);
}

TEST(SafePoint, a_handler_that_has_interrupted_the_c_library_is_seen_on_the_stack) {
  std::vector<std::byte> stack(4096);
  const auto put = [&](std::size_t at, std::uint64_t word) {
    std::memcpy(stack.data() + at, &word, sizeof word);
  };
  put(1000, handler_return);
  put(1000 + 8 + 40 + 16 * 8, in_program);
  EXPECT_EQ(why_not(running(in_program), false, stack), std::nullopt);
  put(1000 + 8 + 40 + 16 * 8, in_libc);
  EXPECT_NE(why_not(running(in_program), false, stack), std::nullopt);
}

TEST(SafePoint, a_restartable_sequence_is_left_alone) {
  const Range section{in_program, in_program + 10};
  EXPECT_NE(why_not_for_calls(running(in_program), glibc(), {}, section, true), std::nullopt);
  EXPECT_EQ(why_not_for_calls(running(in_program + 10), glibc(), {}, section, true), std::nullopt);
}

TEST(SafePoint, code_of_32_bits_is_left_alone) {
  ThreadState state = running(in_program);
  state.registers.cs = 0x23;
  EXPECT_NE(why_not(state), std::nullopt);
}

Mapping mapping(std::uint64_t begin, std::uint64_t end, bool usable, const std::string& name = "") {
  return {.begin = begin, .end = end, .readable = usable, .writable = usable, .name = name};
}

TEST(SafePoint, frames_are_put_on_a_stack_that_is_known_to_be_the_threads_own) {
  constexpr std::uint64_t guard = 0x7e0000000000;
  constexpr std::uint64_t low = guard + 4096;
  constexpr std::uint64_t high = low + (std::uint64_t{8} << 20);
  const std::vector<Mapping> mappings{mapping(0xc000000000, 0xc004000000, true),
                                      mapping(guard, low, false), mapping(low, high, true)};
  const auto ask = [&](std::uint64_t stack, std::uint64_t record) {
    ThreadState state = running(in_program);
    state.registers.rsp = stack;
    state.registers.fs_base = record;
    return why_not_for_system_calls(state, mappings, {});
  };
  EXPECT_EQ(ask(high - 8192, high - 2048), std::nullopt);
  // A goroutine's; one without room; one whose record is elsewhere; none.
  EXPECT_NE(ask(0xc000100000, high - 2048), std::nullopt);
  EXPECT_NE(ask(low + 4096, high - 2048), std::nullopt);
  EXPECT_NE(ask(high - 8192, 0xc000200000), std::nullopt);
  EXPECT_NE(ask(0x1000, high - 2048), std::nullopt);
  const std::vector<Mapping> without_guard{mapping(low, high, true)};
  ThreadState state = running(in_program);
  state.registers.rsp = high - 8192;
  state.registers.fs_base = high - 2048;
  EXPECT_NE(why_not_for_system_calls(state, without_guard, {}), std::nullopt);
  const std::vector<Mapping> first{mapping(low, high, true, "[stack]")};
  state.registers.fs_base = 0x1000;
  EXPECT_EQ(why_not_for_system_calls(state, first, {}), std::nullopt);
}

TEST(InterruptedCall, is_made_anew_where_the_kernel_or_we_would) {
  const ThreadState restarted = in_call(SYS_read);
  EXPECT_EQ(with_fresh_call(restarted).rip, in_libc - 2);
  EXPECT_EQ(with_fresh_call(restarted).rax, static_cast<unsigned long long>(SYS_read));
  const ThreadState done = in_call(SYS_read, in_libc, 5);
  EXPECT_EQ(with_fresh_call(done).rip, in_libc);
  EXPECT_EQ(with_fresh_call(done).rax, 5U);
  EXPECT_EQ(with_fresh_call(running(in_program)).rip, in_program);
}

TEST(InterruptedCall, that_a_stop_has_cut_short_is_told_from_one_that_a_signal_has) {
  ThreadState state = in_call(SYS_epoll_wait, in_libc, -EINTR);
  EXPECT_TRUE(interrupted_call(state)->is_cut_short);
  state.has_pending_signal = true;
  EXPECT_FALSE(interrupted_call(state)->is_cut_short);
  EXPECT_FALSE(interrupted_call(in_call(SYS_connect, in_libc, -EINTR))->is_cut_short);
}

}  // namespace
}  // namespace heapwatch::attach
