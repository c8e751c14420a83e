// Tasks in the order in which they are due.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace heapwatch::net {

/// Threads: one.
class TimerQueue {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = std::function<void()>;
  using Id = std::uint64_t;

  Id add(Clock::time_point when, Task task);
  void cancel(Id id);

  /// When the next task is due.
  [[nodiscard]] std::optional<Clock::time_point> next();

  /// Runs what is due at `now`, earliest first and in the order of add() within a moment, while
  /// `go_on()`. Tasks may add and cancel; what they add waits for the next call.
  void run_due(Clock::time_point now, const std::function<bool()>& go_on);

 private:
  struct Entry {
    Clock::time_point when;
    Id id;
    friend bool operator>(const Entry& a, const Entry& b) {
      return a.when != b.when ? a.when > b.when : a.id > b.id;
    }
  };

  void pop();
  void drop_cancelled();

  std::vector<Entry> heap_;  // also holds cancelled ones until they surface
  std::unordered_map<Id, Task> tasks_;
  Id next_id_ = 1;
};

}  // namespace heapwatch::net
