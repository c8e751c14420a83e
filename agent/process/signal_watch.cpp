#include "agent/process/signal_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <initializer_list>
#include <utility>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/log_queue.h"

namespace heapwatch::agent::process {

namespace {

using Clock = std::chrono::steady_clock;

pthread_t watching_thread;  // set before a handler can run

extern "C" void pass_on(int number) {
  (void)pthread_kill(watching_thread, number);
}

/// Threads that run code of others take signals, so that its child processes do not inherit that
/// they are blocked.
bool pass_signals_on(const sigset_t& signals) {
  struct sigaction action {};
  action.sa_handler = pass_on;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    if (sigismember(&signals, number) == 1 && sigaction(number, &action, nullptr) != 0) {
      return false;
    }
  }
  return true;
}

/// One that came to this thread itself before there was another is for no one else's descriptor.
void take_over_pending(const sigset_t& signals) {
  const timespec at_once{};
  for (int number = 0; (number = sigtimedwait(&signals, nullptr, &at_once)) > 0;) {
    (void)pthread_kill(watching_thread, number);
  }
}

void end_process() {
  base::log(base::LogLevel::warn, "told to stop, and not done in time: ending as it is");
  base::flush_log(std::chrono::milliseconds(50));
  _exit(0);
}

}  // namespace

SignalWatch::SignalWatch(const sigset_t& signals, std::chrono::milliseconds patience)
    : patience_(patience),
      signals_(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)),
      ended_(eventfd(0, EFD_CLOEXEC)) {
  if (!signals_ || !ended_) {
    return;
  }
  thread_ = std::thread([this]() noexcept { run(); });
  watching_thread = thread_.native_handle();
  is_ready_ = pass_signals_on(signals);
  take_over_pending(signals);
}

SignalWatch::~SignalWatch() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    (void)!write(ended_.get(), &one, sizeof one);
    thread_.join();
  }
}

void SignalWatch::answer(Answers answers) {
  const std::lock_guard lock(mutex_);
  answers_ = std::move(answers);
  if (std::exchange(wants_reload_, false)) {
    answers_.reload();
  }
  if (wants_stop_) {
    answers_.stop();
  }
}

bool SignalWatch::is_told_to_stop() {
  const std::lock_guard lock(mutex_);
  return wants_stop_;
}

void SignalWatch::answer_no_more() {
  const std::lock_guard lock(mutex_);
  answers_ = {};
}

int SignalWatch::wait_ms() const {
  if (stop_by_ == Clock::time_point::max()) {
    return -1;
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(stop_by_ - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void SignalWatch::run() noexcept {
  while (true) {
    std::array<pollfd, 2> wanted{{{signals_.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}}};
    (void)poll(wanted.data(), wanted.size(), wait_ms());
    if (wanted[1].revents != 0) {
      return;
    }
    if (wanted[0].revents != 0) {
      take_signals();
    }
    if (Clock::now() >= stop_by_) {
      end_process();
    }
  }
}

void SignalWatch::take_signals() {
  signalfd_siginfo signal{};
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    const std::lock_guard lock(mutex_);
    if (signal.ssi_signo == SIGHUP) {
      if (answers_.reload) {
        answers_.reload();
      } else {
        wants_reload_ = true;
      }
    } else if (!std::exchange(wants_stop_, true)) {
      stop_by_ = Clock::now() + patience_;
      if (answers_.stop) {
        answers_.stop();
      }
    }
  }
}

}  // namespace heapwatch::agent::process
