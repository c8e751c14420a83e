#include "agent/process/foreground_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace heapwatch::agent::process {

namespace {

/// A signal on its way to the program. Written whole: it is shorter than what a pipe takes at once.
struct Caught {
  int number;
  bool by_kernel;  // as the terminal's are, which go to the program, too
};

std::atomic<int> caught_signals{-1};

void catch_signal(int number, siginfo_t* info, void* /*context*/) {
  const int before = errno;
  const Caught caught{number, info->si_code == SI_KERNEL};
  (void)!write(caught_signals.load(std::memory_order_relaxed), &caught, sizeof caught);
  errno = before;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

base::Result<std::unique_ptr<ForegroundProgram>> ForegroundProgram::prepare() {
  auto pipe = base::make_pipe();
  if (!pipe) {
    return tl::unexpected(pipe.error());
  }
  std::unique_ptr<ForegroundProgram> program(new ForegroundProgram);
  program->signals_ = std::move(pipe->reader);
  program->handler_ = std::move(pipe->writer);
  for (const int descriptor : {program->signals_.get(), program->handler_.get()}) {
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
  }
  caught_signals.store(program->handler_.get(), std::memory_order_relaxed);
  struct sigaction wanted {};
  wanted.sa_sigaction = catch_signal;
  wanted.sa_flags = SA_SIGINFO | SA_RESTART;
  for (const int number : passed) {
    Former former{number, {}};
    sigaction(number, nullptr, &former.action);
    if (former.action.sa_handler != SIG_IGN) {
      sigaction(number, &wanted, nullptr);
      program->former_.push_back(former);
    }
  }
  // Where the ends of children are ignored there is no status to wait for.
  Former children{SIGCHLD, {}};
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &by_default, &children.action);
  program->former_.push_back(children);
  return program;
}

ForegroundProgram::~ForegroundProgram() {
  for (const Former& former : former_) {
    sigaction(former.number, &former.action, nullptr);
  }
  caught_signals.store(-1, std::memory_order_relaxed);
}

/// Becomes the program; returns only when that fails. Allocates nothing: other threads run by then,
/// and a child that allocates could wait for a lock that one of them held.
void ForegroundProgram::become(char* const* arguments, char* const* environment,
                               const sigset_t& mask) const {
  for (const Former& former : former_) {
    sigaction(former.number, &former.action, nullptr);
  }
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  execvpe(arguments[0], arguments, environment);
}

tl::expected<pid_t, ForegroundProgram::NotStarted> ForegroundProgram::start(
    std::vector<std::string> arguments, std::vector<std::string> environment) {
  auto failure = base::make_pipe();
  if (!failure) {
    return tl::unexpected(NotStarted{126, failure.error().message});
  }
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  // A signal must not reach the handler in the child, whose pipe is ours.
  sigset_t all;
  sigfillset(&all);
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, &all, &mask);
  program_ = fork();
  if (program_ == 0) {
    become(argument_pointers.data(), environment_pointers.data(), mask);
    const int error = errno;
    (void)!write(failure->writer.get(), &error, sizeof error);
    _exit(127);
  }
  int error = program_ < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  sigset_t caught;
  sigemptyset(&caught);
  for (const int number : passed) {
    sigaddset(&caught, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &caught, nullptr);
  failure->writer.reset();
  ssize_t got = 0;
  while (program_ > 0 && (got = read(failure->reader.get(), &error, sizeof error)) < 0 &&
         errno == EINTR) {
  }
  if (program_ < 0 || got == sizeof error) {
    if (program_ > 0) {
      waitpid(program_, nullptr, 0);
    }
    return tl::unexpected(NotStarted{error == ENOENT ? 127 : 126,
                                     "cannot run " + arguments[0] + ": " + std::strerror(error)});
  }
  descriptor_ = base::Descriptor(static_cast<int>(syscall(SYS_pidfd_open, program_, 0)));
  return program_;
}

void ForegroundProgram::pass_signals_on() const {
  Caught caught{};
  while (read(signals_.get(), &caught, sizeof caught) == sizeof caught) {
    if (!caught.by_kernel) {
      kill(program_, caught.number);
    }
  }
}

/// Until the program has ended, a signal has come or the time is over; -1: without an end.
std::optional<int> ForegroundProgram::wait_once(int timeout_ms) {
  constexpr int without_descriptor_ms = 50;
  int limit_ms = timeout_ms;
  if (!descriptor_) {
    limit_ms = timeout_ms < 0 ? without_descriptor_ms : std::min(timeout_ms, without_descriptor_ms);
  }
  pollfd either[] = {{signals_.get(), POLLIN, 0}, {descriptor_.get(), POLLIN, 0}};
  (void)poll(either, 2, limit_ms);
  int status = 0;
  const pid_t ended = waitpid(program_, &status, WNOHANG);
  if (ended == program_ || (ended < 0 && errno != EINTR)) {
    return status;
  }
  pass_signals_on();
  return std::nullopt;
}

int ForegroundProgram::wait() {
  for (;;) {
    if (const auto status = wait_once(-1)) {
      return *status;
    }
  }
}

std::optional<int> ForegroundProgram::wait_until(std::chrono::steady_clock::time_point until) {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    constexpr milliseconds once_max{3'600'000};
    const auto limit = std::clamp(left, milliseconds{0}, once_max);
    if (const auto status = wait_once(static_cast<int>(limit.count()))) {
      return status;
    }
    if (left.count() <= 0) {
      return std::nullopt;
    }
  }
}

}  // namespace heapwatch::agent::process
