#include "attach/held_thread.h"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/file.h"
#include "memory/process/tracer.h"

namespace heapwatch::attach {

namespace {

using Clock = std::chrono::steady_clock;

/// A thread that waits for a disk does not stop until it has been served.
constexpr std::chrono::milliseconds stop_patience{100};
/// For one that did not stop in time: it would stop later, and stay so for as long as we live.
constexpr std::chrono::milliseconds let_go_patience{10'000};
constexpr std::chrono::milliseconds call_patience{5000};
constexpr std::size_t vectors_bytes_max = std::size_t{64} * 1024;
constexpr int event_stop = 128;  // PTRACE_EVENT_STOP

int event_of(int status) {
  return status >> 16;
}
bool is_call_stop(int status) {
  return WSTOPSIG(status) == (SIGTRAP | 0x80);
}
bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
         signal == SIGTRAP;
}

template <typename T>
std::uint64_t address_of(T& value) {
  return reinterpret_cast<std::uintptr_t>(&value);
}

long trace(int request, int tid, std::uint64_t address = 0, std::uint64_t data = 0) {
  // Addresses of another process.
  // NOLINTBEGIN(performance-no-int-to-ptr)
  return ptrace(static_cast<__ptrace_request>(request), tid, reinterpret_cast<void*>(address),
                reinterpret_cast<void*>(data));
  // NOLINTEND(performance-no-int-to-ptr)
}

tl::unexpected<base::Error> system_error(int tid, const std::string& what) {
  const int number = errno;
  const base::ErrorKind kind = number == EPERM   ? base::ErrorKind::refused
                               : number == ESRCH ? base::ErrorKind::not_found
                                                 : base::ErrorKind::io;
  return base::fail(kind,
                    "thread " + std::to_string(tid) + " " + what + ": " + std::strerror(number));
}

/// 0: nobody.
int tracer_of(int pid, int tid) {
  const std::string path =
      "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status";
  constexpr std::size_t bytes_max = 16384;
  constexpr std::string_view name = "\nTracerPid:\t";
  const std::string text = base::read_file(path, bytes_max).value_or("");
  const std::size_t at = text.find(name);
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + name.size());
}

/// Where the restartable sequence that the thread is in is described.
std::uint64_t read_rseq_section(int tid) {
  struct {
    std::uint64_t pointer;
    std::uint32_t size;
    std::uint32_t signature;
    std::uint32_t flags;
    std::uint32_t pad;
  } configuration{};
  constexpr int get_rseq_configuration = 0x420f;
  if (trace(get_rseq_configuration, tid, sizeof configuration, address_of(configuration)) <= 0 ||
      configuration.pointer == 0) {
    return 0;
  }
  constexpr std::uint64_t rseq_cs_offset = 8;
  errno = 0;
  const long word = trace(PTRACE_PEEKDATA, tid, configuration.pointer + rseq_cs_offset);
  return errno == 0 ? static_cast<std::uint64_t>(word) : 0;
}

bool has_unblocked_signal(int tid, std::uint64_t mask) {
  for (const int shared : {0, 1}) {
    struct __ptrace_peeksiginfo_args wanted {};
    wanted.nr = 32;
    wanted.flags = shared != 0 ? static_cast<unsigned>(PTRACE_PEEKSIGINFO_SHARED) : 0U;
    std::vector<siginfo_t> found(32);
    const long count =
        trace(PTRACE_PEEKSIGINFO, tid, address_of(wanted), address_of(*found.data()));
    for (long i = 0; i < count; ++i) {
      const auto number = static_cast<unsigned>(found[static_cast<std::size_t>(i)].si_signo);
      if (number == 0 || number > 64 || (mask >> (number - 1) & 1U) == 0) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

HeldThread::~HeldThread() {
  if (!is_seized_ || has_ended_) {
    return;
  }
  if (!is_stopped_ &&
      (trace(PTRACE_INTERRUPT, tid_) != 0 || !wait_for_event_stop(let_go_patience))) {
    return;
  }
  const int first = kept_signals_.empty() ? 0 : kept_signals_.front();
  (void)trace(PTRACE_DETACH, tid_, 0, static_cast<std::uint64_t>(first));
  for (std::size_t i = 1; i < kept_signals_.size(); ++i) {
    syscall(SYS_tgkill, pid_, tid_, kept_signals_[i]);
  }
}

base::Result<int> HeldThread::wait(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  useconds_t pause_us = 20;
  for (;;) {
    int status = 0;
    const pid_t done = waitpid(tid_, &status, __WALL | WNOHANG);
    if (done == tid_ && WIFSTOPPED(status)) {
      is_stopped_ = true;
      return status;
    }
    if (done == tid_ || (done < 0 && errno != EINTR)) {
      has_ended_ = true;
      return base::fail(base::ErrorKind::not_found,
                        "thread " + std::to_string(tid_) + " has ended");
    }
    if (Clock::now() > deadline) {
      return base::fail(base::ErrorKind::timeout, "thread " + std::to_string(tid_) +
                                                      " does not stop within " +
                                                      std::to_string(limit.count()) + " ms");
    }
    usleep(pause_us);
    pause_us = std::min<useconds_t>(pause_us * 2, 200);
  }
}

base::Result<void> HeldThread::wait_for_event_stop(std::chrono::milliseconds patience) {
  for (;;) {
    const auto status = wait(patience);
    if (!status) {
      return tl::unexpected(status.error());
    }
    if (event_of(*status) == event_stop) {
      if (WSTOPSIG(*status) == SIGTRAP) {
        return {};
      }
      return base::fail(base::ErrorKind::unreachable, "the process is stopped by a signal");
    }
    int pass_on = 0;
    if (event_of(*status) == 0 && !is_call_stop(*status)) {
      pass_on = WSTOPSIG(*status);
    }
    // The signal's handler is entered first; its first instruction is where the thread stops.
    if (trace(PTRACE_CONT, tid_, 0, static_cast<std::uint64_t>(pass_on)) != 0) {
      return system_error(tid_, "cannot go on");
    }
    is_stopped_ = false;
  }
}

base::Result<ThreadState> HeldThread::stop() {
  if (trace(PTRACE_SEIZE, tid_, 0, PTRACE_O_TRACESYSGOOD) != 0) {
    // One that is at its end is refused, too, and one that did not stop in time before and so is
    // traced by us still.
    const int why = errno;
    if (why == EPERM && memory::process::is_at_its_end(pid_, tid_)) {
      return base::fail(base::ErrorKind::not_found,
                        "thread " + std::to_string(tid_) + " has ended");
    }
    if (why != EPERM || tracer_of(pid_, tid_) != static_cast<int>(syscall(SYS_gettid))) {
      errno = why;
      return system_error(tid_, "cannot be traced");
    }
  }
  is_seized_ = true;
  if (trace(PTRACE_INTERRUPT, tid_) != 0) {
    return system_error(tid_, "cannot be stopped");
  }
  if (auto stopped = wait_for_event_stop(stop_patience); !stopped) {
    return tl::unexpected(stopped.error());
  }
  ThreadState state;
  state.vectors.resize(vectors_bytes_max);
  iovec vectors{state.vectors.data(), state.vectors.size()};
  constexpr std::uint64_t mask_bytes = sizeof state.signal_mask;
  if (trace(PTRACE_GETREGS, tid_, 0, address_of(state.registers)) != 0 ||
      trace(PTRACE_GETREGSET, tid_, NT_X86_XSTATE, address_of(vectors)) != 0 ||
      trace(PTRACE_GETSIGMASK, tid_, mask_bytes, address_of(state.signal_mask)) != 0) {
    return system_error(tid_, "does not show its registers");
  }
  state.vectors.resize(vectors.iov_len);
  state.rseq_section = read_rseq_section(tid_);
  state.has_pending_signal = has_unblocked_signal(tid_, state.signal_mask);
  return state;
}

base::Result<void> HeldThread::set_registers(const user_regs_struct& registers) {
  return trace(PTRACE_SETREGS, tid_, 0, address_of(registers)) == 0
             ? base::Result<void>{}
             : system_error(tid_, "does not take registers");
}

base::Result<void> HeldThread::set_signal_mask(std::uint64_t mask) {
  return trace(PTRACE_SETSIGMASK, tid_, sizeof mask, address_of(mask)) == 0
             ? base::Result<void>{}
             : system_error(tid_, "does not take a signal mask");
}

base::Result<void> HeldThread::set_vectors(const std::vector<std::byte>& vectors) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the kernel reads them
  iovec part{const_cast<std::byte*>(vectors.data()), vectors.size()};
  return trace(PTRACE_SETREGSET, tid_, NT_X86_XSTATE, address_of(part)) == 0
             ? base::Result<void>{}
             : system_error(tid_, "does not take vector registers");
}

base::Result<user_regs_struct> HeldThread::registers() {
  user_regs_struct registers{};
  if (trace(PTRACE_GETREGS, tid_, 0, address_of(registers)) != 0) {
    return system_error(tid_, "does not show its registers");
  }
  return registers;
}

base::Result<std::int64_t> HeldThread::finish_call() {
  for (int call_stops = 0; call_stops < 2;) {
    if (trace(PTRACE_SYSCALL, tid_) != 0) {
      return system_error(tid_, "cannot go on");
    }
    is_stopped_ = false;
    const auto status = wait(call_patience);
    if (!status) {
      return tl::unexpected(status.error());
    }
    if (is_call_stop(*status)) {
      ++call_stops;
    } else if (event_of(*status) == 0) {
      kept_signals_.push_back(WSTOPSIG(*status));
    }
  }
  return registers().map(
      [](const user_regs_struct& after) { return static_cast<std::int64_t>(after.rax); });
}

base::Result<void> HeldThread::run() {
  if (trace(PTRACE_CONT, tid_) != 0) {
    return system_error(tid_, "cannot go on");
  }
  is_stopped_ = false;
  return {};
}

HeldThread::Seen HeldThread::look() {
  if (has_ended_) {
    return Seen::ended;
  }
  int status = 0;
  const pid_t done = is_stopped_ ? 0 : waitpid(tid_, &status, __WALL | WNOHANG);
  if (done == 0) {
    return stands_before_fault_ ? Seen::crashed : Seen::running;
  }
  if (done != tid_ || !WIFSTOPPED(status)) {
    has_ended_ = true;
    return Seen::ended;
  }
  is_stopped_ = true;
  if (event_of(status) == 0 && is_fault(WSTOPSIG(status))) {
    stands_before_fault_ = true;
    return Seen::crashed;
  }
  if (event_of(status) == 0) {
    kept_signals_.push_back(WSTOPSIG(status));
  }
  (void)run();
  return Seen::running;
}

base::Result<void> HeldThread::stop_again() {
  if (trace(PTRACE_INTERRUPT, tid_) != 0) {
    return system_error(tid_, "cannot be stopped");
  }
  // From any other stop it comes to this one without running an instruction.
  if (is_stopped_ && trace(PTRACE_CONT, tid_) != 0) {
    return system_error(tid_, "cannot go on");
  }
  is_stopped_ = false;
  for (;;) {
    const auto status = wait(call_patience);
    if (!status) {
      return tl::unexpected(status.error());
    }
    if (event_of(*status) == event_stop) {
      stands_before_fault_ = false;
      return {};
    }
    if (event_of(*status) == 0 && !is_call_stop(*status) && !is_fault(WSTOPSIG(*status))) {
      kept_signals_.push_back(WSTOPSIG(*status));
    }
    if (trace(PTRACE_CONT, tid_) != 0) {
      return system_error(tid_, "cannot go on");
    }
    is_stopped_ = false;
  }
}

}  // namespace heapwatch::attach
