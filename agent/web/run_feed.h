// From runs of checks to the history: what targets told of themselves, and what each check cost.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/web/feed.h"
#include "history/recorder.h"
#include "metrics/snapshot.h"

namespace heapwatch::agent::web {

/// What the runs of a check came to since heapwatch began, and what the check holds.
struct CheckReading {
  std::string check;
  std::uint64_t runs = 0;
  std::uint64_t errors = 0;
  std::uint64_t warnings = 0;
  std::uint64_t skipped = 0;
  std::chrono::nanoseconds run_time{0};
  std::optional<std::uint64_t> native;  // bytes on its books
  std::optional<std::uint64_t> python;  // of the interpreter, which all Python checks share
};

/// A target is one life, however often it restarts: it is asked over HTTP, and does not say when it
/// began. Where its running totals fall, an event says so. A check is one life in each process of
/// heapwatch.
///
/// Threads: one.
class RunFeed {
 public:
  struct Parts {
    history::Recorder& recorder;
    std::function<std::int64_t()> clock;  // ms since 1970
    std::string process;                  // the identity of this one
    std::int64_t began = 0;               // ms since 1970
  };
  /// Of further targets nothing is kept, and of longer pages only the first series.
  static constexpr std::size_t targets_max = 500;
  static constexpr std::size_t series_read_max = 2'000;
  /// Of the text of an error.
  static constexpr std::size_t error_bytes_max = 500;

  explicit RunFeed(Parts parts) : parts_(std::move(parts)) {}

  /// After each run of an instance.
  void take(const metrics::Snapshot& snapshot);
  /// The instance is configured no more.
  void forget(const metrics::Instance& instance);
  /// Every some seconds: writes what came together, and this of the checks.
  void record(const std::vector<CheckReading>& checks);

 private:
  struct Target {
    history::LifeInfo life;
    bool is_new = false;  // ran since it was recorded
    std::uint64_t runs = 0;
    std::uint64_t errors = 0;
    std::int64_t run_time_ns = 0;
    bool is_up = false;
    std::map<std::string_view, std::int64_t> values;  // by series
    std::uint64_t pauses = 0;
    double pause_ns = 0;
    std::optional<double> longest_pause_ns;  // since it was recorded
    std::optional<std::int64_t> allocated;   // in all, when it was asked last
  };

  /// Units: ms since 1970.
  struct Error {
    std::string text;
    std::int64_t told = 0;
    std::int64_t failed = 0;  // last
  };

  [[nodiscard]] history::LifeInfo life_of_check(const std::string& check) const;
  /// Null when the instance is of another check, or one too many.
  [[nodiscard]] Target* target_of(const metrics::Instance& instance);
  void take_error(const metrics::Snapshot& snapshot, const Target* target);
  void take_values(const metrics::Snapshot& snapshot, Target& target);

  Parts parts_;
  std::map<std::string, Target> targets_;  // by the id of the instance
  std::map<std::string, Error> errors_;    // that are not over, likewise
};

}  // namespace heapwatch::agent::web
