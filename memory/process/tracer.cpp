// A stop that the program does not notice, save for what the kernel does with any stop.
//
// Threads are seized and interrupted; none is told to die when we do, so that our end lets the
// process run on. One thread is given other registers: the address of a system call instruction
// and clone's arguments. Its child shares descriptors (a socket that the program closes is closed)
// and copies memory on write. It has no exit signal, so that the program hears nothing of it, and
// it is traced from its birth, so that it runs nothing.
//
// The thread's own registers go back in a new event stop, not where the system call ended: only
// from within the handling of signals does the kernel restart the call that the stop has
// interrupted.
#include "memory/process/tracer.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>
#include <string_view>

#include "base/file.h"

namespace heapwatch::memory::process {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds patience{2000};
/// A fork copies page tables: 20 ms and more per GiB.
constexpr std::chrono::milliseconds fork_patience{60'000};
constexpr std::size_t threads_stopped_max = 10'000;
constexpr int event_stop = 128;  // PTRACE_EVENT_STOP

std::vector<int> tasks_of(int pid) {
  std::vector<int> tasks;
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) {
    return tasks;
  }
  while (const dirent* entry = readdir(open)) {
    const std::string_view name = entry->d_name;
    int tid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), tid);
    if (error == std::errc{} && end == name.data() + name.size()) {
      tasks.push_back(tid);
    }
  }
  closedir(open);
  return tasks;
}

/// The wait status of a thread that stops in time. Errors: timeout; not_found when it has ended.
tl::expected<int, base::ErrorKind> wait_for_stop(int tid,
                                                 std::chrono::milliseconds limit = patience) {
  const auto deadline = Clock::now() + limit;
  useconds_t pause_us = 20;
  for (;;) {
    int status = 0;
    const pid_t done = waitpid(tid, &status, __WALL | WNOHANG);
    if (done == tid && WIFSTOPPED(status)) {
      return status;
    }
    if (done == tid || (done < 0 && errno != EINTR)) {
      return tl::unexpected(base::ErrorKind::not_found);
    }
    if (Clock::now() > deadline) {
      return tl::unexpected(base::ErrorKind::timeout);
    }
    usleep(pause_us);
    pause_us = std::min<useconds_t>(pause_us * 2, 500);
  }
}

int event_of(int status) {
  return status >> 16;
}

bool is_call_stop(int status) {
  return WSTOPSIG(status) == (SIGTRAP | 0x80);
}

base::Error system_error(const std::string& what) {
  return {errno == EPERM   ? base::ErrorKind::refused
          : errno == ESRCH ? base::ErrorKind::not_found
                           : base::ErrorKind::io,
          what + ": " + std::strerror(errno)};
}

long trace(__ptrace_request request, int tid, std::uint64_t address = 0, std::uint64_t data = 0) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
  return ptrace(request, tid, reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
}

}  // namespace

bool is_at_its_end(int pid, int tid) {
  const std::string stat =
      "/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/stat";
  constexpr std::size_t bytes_max = 4096;
  constexpr int looks = 10;
  for (int i = 0; i < looks; ++i) {
    const std::string text = base::read_file(stat, bytes_max).value_or("");
    const std::size_t name_end = text.rfind(") ");
    const char state = name_end == std::string::npos ? 'X' : text[name_end + 2];
    if (state == 'Z' || state == 'X' || state == 'x') {
      return true;
    }
    usleep(2000);
  }
  return false;
}

void Tracer::remember_signal(int tid, int status) {
  if (event_of(status) == 0 && !is_call_stop(status)) {
    signals_[tid].push_back(WSTOPSIG(status));
  }
}

base::Result<void> Tracer::stop(int tid) {
  const std::string named = "thread " + std::to_string(tid);
  if (trace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0) {
    const base::Error error = system_error(named + " cannot be traced");
    return is_at_its_end(pid_, tid) ? base::fail(base::ErrorKind::not_found, named + " has ended")
                                    : tl::unexpected(error);
  }
  stopped_.push_back(tid);
  // One that has ended is waited for all the same, so that it does not stay as a zombie.
  if (trace(PTRACE_INTERRUPT, tid) != 0 && errno != ESRCH) {
    return tl::unexpected(system_error(named + " cannot be stopped"));
  }
  // A signal may come first. It is kept, and the thread goes on to the stop that was asked for.
  for (;;) {
    const auto status = wait_for_stop(tid);
    if (!status && status.error() == base::ErrorKind::not_found) {
      stopped_.pop_back();
      return base::fail(base::ErrorKind::not_found, named + " has ended");
    }
    if (!status) {
      return base::fail(base::ErrorKind::timeout,
                        named + " did not stop within " + std::to_string(patience.count()) + " ms");
    }
    if (event_of(*status) == event_stop) {
      break;
    }
    remember_signal(tid, *status);
    if (trace(PTRACE_CONT, tid) != 0 && errno != ESRCH) {
      return tl::unexpected(system_error(named + " cannot go on"));
    }
  }
  user_regs_struct registers{};
  if (trace(PTRACE_GETREGS, tid, 0, reinterpret_cast<std::uintptr_t>(&registers)) == 0) {
    registers_[tid] = registers;
  }
  return {};
}

base::Result<void> Tracer::stop_all() {
  // A thread that still runs may make others, and so may one that ends: until a list holds no new
  // one.
  std::set<int> known;
  const auto deadline = Clock::now() + patience;
  for (;;) {
    bool found = false;
    if (Clock::now() > deadline) {
      return base::fail(base::ErrorKind::timeout, "its threads could not all be stopped within " +
                                                      std::to_string(patience.count()) + " ms");
    }
    for (const int tid : tasks_of(pid_)) {
      if (!known.insert(tid).second) {
        continue;
      }
      found = true;
      if (stopped_.size() >= threads_stopped_max) {
        return base::fail(base::ErrorKind::limit,
                          "it has more than " + std::to_string(threads_stopped_max) + " threads");
      }
      if (auto done = stop(tid); !done && done.error().kind != base::ErrorKind::not_found) {
        return done;
      }
    }
    if (!found) {
      break;
    }
  }
  if (stopped_.empty()) {
    return base::fail(base::ErrorKind::not_found, "process " + std::to_string(pid_) + " has ended");
  }
  return {};
}

base::Result<void> Tracer::stop_one() {
  base::Result<void> last =
      base::fail(base::ErrorKind::not_found, "process " + std::to_string(pid_) + " has ended");
  for (const int tid : tasks_of(pid_)) {
    last = stop(tid);
    if (last) {
      break;
    }
  }
  return last;
}

void Tracer::let_go() {
  for (const int tid : stopped_) {
    auto& signals = signals_[tid];
    // One signal goes with the thread; others follow it as new ones.
    const int first = signals.empty() ? 0 : signals.front();
    (void)trace(PTRACE_DETACH, tid, 0, static_cast<std::uint64_t>(first));
    for (std::size_t i = 1; i < signals.size(); ++i) {
      syscall(SYS_tgkill, pid_, tid, signals[i]);
    }
  }
  stopped_.clear();
  signals_.clear();
}

/// Puts a thread's registers back, in a stop from which the kernel goes on as if nothing were.
bool Tracer::restore(int tid, const user_regs_struct& saved) {
  if (trace(PTRACE_INTERRUPT, tid) != 0) {
    return false;
  }
  for (;;) {
    if (trace(PTRACE_CONT, tid) != 0) {
      return false;
    }
    const auto status = wait_for_stop(tid);
    if (!status) {
      return false;
    }
    if (event_of(*status) == event_stop) {
      break;
    }
    remember_signal(tid, *status);
  }
  return trace(PTRACE_SETREGS, tid, 0, reinterpret_cast<std::uintptr_t>(&saved)) == 0;
}

base::Result<Tracer::Result> Tracer::inject(int tid, std::uint64_t syscall, const Call& call) {
  user_regs_struct saved{};
  if (trace(PTRACE_GETREGS, tid, 0, reinterpret_cast<std::uintptr_t>(&saved)) != 0 ||
      trace(PTRACE_SETOPTIONS, tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE) != 0) {
    return tl::unexpected(system_error("its registers cannot be read"));
  }
  user_regs_struct changed = saved;
  changed.rip = syscall;
  changed.rax = static_cast<unsigned long long>(call.number);
  changed.orig_rax = ~0ULL;  // no call is interrupted here
  changed.rdi = call.first;
  changed.rsi = call.second;
  changed.rdx = call.third;
  changed.r10 = 0;
  changed.r8 = 0;
  if (trace(PTRACE_SETREGS, tid, 0, reinterpret_cast<std::uintptr_t>(&changed)) != 0) {
    return tl::unexpected(system_error("its registers cannot be set"));
  }
  Result result;
  int call_stops = 0;
  bool lost = false;
  while (call_stops < 2) {
    if (trace(PTRACE_SYSCALL, tid) != 0) {
      lost = true;
      break;
    }
    const auto status = wait_for_stop(tid, fork_patience);
    if (!status) {
      lost = true;
      break;
    }
    if (is_call_stop(*status)) {
      ++call_stops;
    } else if (event_of(*status) == PTRACE_EVENT_CLONE) {
      unsigned long child = 0;
      (void)trace(PTRACE_GETEVENTMSG, tid, 0, reinterpret_cast<std::uintptr_t>(&child));
      result.child = static_cast<int>(child);
    } else {
      remember_signal(tid, *status);
    }
  }
  if (!lost && trace(PTRACE_GETREGS, tid, 0, reinterpret_cast<std::uintptr_t>(&changed)) == 0) {
    result.value = static_cast<long>(changed.rax);
  }
  if (!restore(tid, saved) || lost) {
    return base::fail(base::ErrorKind::io, "a thread did not come back from a system call");
  }
  return result;
}

base::Result<int> Tracer::fork_twin(std::uint64_t syscall) {
  const auto done =
      inject(stopped_.front(), syscall, {.number = SYS_clone, .first = CLONE_FILES | CLONE_FS});
  if (!done) {
    return tl::unexpected(done.error());
  }
  if (done->value < 0 || done->child == 0) {
    return base::fail(base::ErrorKind::io,
                      std::string("it cannot fork: ") +
                          std::strerror(done->value < 0 ? static_cast<int>(-done->value) : ECHILD));
  }
  // It is traced from its birth and stops before its first instruction. It dies when we do.
  (void)trace(PTRACE_SETOPTIONS, done->child, 0, PTRACE_O_EXITKILL);
  if (!wait_for_stop(done->child)) {
    kill(done->child, SIGKILL);
    return base::fail(base::ErrorKind::timeout, "its twin did not stop");
  }
  (void)trace(PTRACE_SETOPTIONS, done->child, 0, PTRACE_O_EXITKILL);
  return done->child;
}

void Tracer::reap(std::uint64_t syscall, int child) {
  if (!stopped_.empty()) {
    (void)inject(stopped_.front(), syscall,
                 {.number = SYS_wait4,
                  .first = static_cast<std::uint64_t>(child),
                  .third = static_cast<std::uint64_t>(__WALL | WNOHANG)});
  }
}

}  // namespace heapwatch::memory::process
