// One thread that keeps any number of HTTP exchanges and timers going.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "net/http.h"

namespace heapwatch::net {

struct EventLoopOptions {
  /// Exchanges on the wire at once; further ones wait in line, and their timeouts start when they
  /// leave it.
  std::size_t transfers_max = 512;
  /// Idle connections kept for the next run.
  std::size_t idle_connections_max = 4096;
  /// Idle handles of libcurl, about 10 KB each, kept as a request set them up; setting one up again
  /// takes microseconds. A connection needs none.
  std::size_t idle_handles_max = 256;
};

/// libcurl's multi interface on epoll. Connections are kept alive between the runs of a target.
///
/// Threads: run() is called by one thread, the loop's; every callback runs there. post() and stop()
/// may be called from any thread, the rest only from the loop's own (or before run()).
/// Errors: a task or callback that throws ends the program, but for std::bad_alloc, which is
/// logged.
class EventLoop {
 public:
  using Task = std::function<void()>;
  using Done = std::function<void(HttpResult)>;
  enum class TimerId : std::uint64_t {};

  [[nodiscard]] static base::Result<std::unique_ptr<EventLoop>> create(
      EventLoopOptions options = {});
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  /// Returns after stop(), also one called before. Exchanges still going on stay as they are; a
  /// further run() goes on with them, the destructor drops them without a callback.
  void run();
  void stop();

  /// Runs `task` on the loop's thread as soon as possible.
  void post(Task task);

  /// Runs `task` once at `when`, never before and about a millisecond late at most; those of one
  /// moment in the order of at(). cancel() of a timer that has fired does nothing.
  TimerId at(std::chrono::steady_clock::time_point when, Task task);
  void cancel(TimerId timer);

  /// `done` is called exactly once unless the loop stops first, never from within fetch() itself.
  /// A body of some size that comes with a status of 200 goes through `filter`, if there is one.
  void fetch(HttpRequestPtr request, Done done, BodyFilterPtr filter = nullptr);

  /// Calls `ready` whenever `descriptor` can be read, until unwatch(); for signal descriptors and
  /// the like.
  void watch(int descriptor, Task ready);
  void unwatch(int descriptor);

  [[nodiscard]] std::size_t transfers_running() const;
  [[nodiscard]] std::size_t transfers_waiting() const;

  /// How long the round that is going on has kept all others waiting; zero while the loop has
  /// nothing to do. From any thread.
  [[nodiscard]] std::chrono::nanoseconds busy_for() const;
  /// The longest round since the last call, the one going on apart. From any thread.
  [[nodiscard]] std::chrono::nanoseconds take_longest_round();

 private:
  struct State;
  explicit EventLoop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace heapwatch::net
