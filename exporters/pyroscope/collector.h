// Takes the profiles of programs, each once in an interval, at a moment of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/error.h"
#include "exporters/pyroscope/changes.h"
#include "exporters/pyroscope/message.h"
#include "exporters/pyroscope/program.h"
#include "net/event_loop.h"

namespace heapwatch::exporters::pyroscope {

/// What becomes of the looks at programs.
struct CollectorFigures {
  std::uint64_t programs = 0;   // that there are
  std::uint64_t sent = 0;       // profiles that were handed on
  std::uint64_t unchanged = 0;  // that were as they were
  std::uint64_t failed = 0;     // that were not to be had
};

/// Its thread asks the pages of Go programs, a few at a time, and takes the profiles of all others
/// by itself. A program that does not answer is not asked again meanwhile.
///
/// Threads: figures() from any.
class Collector {
 public:
  static constexpr std::size_t programs_max = 1000;
  /// That is kept of all programs from one profile to the next.
  static constexpr std::size_t kept_bytes_max = std::size_t{32} << 20U;
  /// Of a profile that a page holds, decompressed.
  static constexpr std::size_t profile_bytes_max = std::size_t{64} << 20U;

  struct Options {
    std::chrono::milliseconds interval{60'000};
    Programs programs;
    std::function<void(Ready)> send;  // called on its thread
    base::Clock clock = base::now;
  };

  /// Errors: those of the event loop.
  [[nodiscard]] static base::Result<std::unique_ptr<Collector>> start(Options options);
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  ~Collector();

  [[nodiscard]] CollectorFigures figures() const;

 private:
  /// A program that is looked at.
  struct Watched {
    Program program;
    Changes changes;
    std::chrono::system_clock::time_point sent{};  // what was sent last is of then
    bool is_asked = false;
    bool is_failing = false;  // and that was told
  };
  using WatchedPtr = std::shared_ptr<Watched>;

  explicit Collector(Options options) : options_(std::move(options)) {}

  void take_in();
  void wait_for_turn(const WatchedPtr& watched);
  void look_at(const WatchedPtr& watched);
  void take(Watched& watched, const Take& wanted);
  [[nodiscard]] base::Result<void> take_or_fail(Watched& watched, const Take& wanted);
  [[nodiscard]] base::Result<void> send(Watched& watched, const Heap& heap);
  void failed(Watched& watched, const std::string& why);
  void count(std::uint64_t CollectorFigures::*what);

  Options options_;
  std::unordered_map<std::string, WatchedPtr> watched_;  // by the program's id
  std::size_t kept_bytes_ = 0;
  bool are_too_many_ = false;  // and that was told

  mutable std::mutex mutex_;
  CollectorFigures figures_;  // under mutex_

  std::unique_ptr<net::EventLoop> loop_;
  std::thread thread_;
};

}  // namespace heapwatch::exporters::pyroscope
