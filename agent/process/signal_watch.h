// The thread that takes the signals of the running agent.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

#include "base/descriptor.h"

namespace heapwatch::agent::process {

/// Takes the signals that are held back, whatever the other threads do: while the agent starts, and
/// while its loop is busy. When it was told to stop and the agent does not end within `patience`,
/// the process ends all the same.
///
/// Threads: `reload` and `stop` are called on its own thread.
class SignalWatch {
 public:
  struct Answers {
    std::function<void()> reload;
    std::function<void()> stop;
  };

  /// `signals` are held back in every thread but those that run code of others, whose signals are
  /// sent on to this thread by handlers that the constructor sets.
  SignalWatch(const sigset_t& signals, std::chrono::milliseconds patience);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  /// The agent has ended in time.
  ~SignalWatch();

  /// False when the system refused the thread's descriptors or the handlers.
  [[nodiscard]] bool is_ready() const { return is_ready_; }

  /// From now on; what came before is answered now. Until answer_no_more() the answers' owners
  /// live.
  void answer(Answers answers);
  void answer_no_more();
  /// Whether a signal that says so has come. From any thread.
  [[nodiscard]] bool is_told_to_stop();

 private:
  void run() noexcept;
  void take_signals();
  [[nodiscard]] int wait_ms() const;

  std::chrono::milliseconds patience_;
  base::OwnDescriptor signals_;
  base::OwnDescriptor ended_;
  bool is_ready_ = false;
  std::mutex mutex_;
  Answers answers_;            // under mutex_
  bool wants_reload_ = false;  // likewise
  bool wants_stop_ = false;    // likewise
  std::chrono::steady_clock::time_point stop_by_ = std::chrono::steady_clock::time_point::max();
  std::thread thread_;
};

}  // namespace heapwatch::agent::process
