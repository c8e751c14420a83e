// Takes what is measured and writes it to the history, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "history/archive.h"
#include "history/rollup.h"
#include "history/store.h"

namespace heapwatch::history {

/// What was measured of a life at a moment. Names of series say a value for ever:
/// "native/glibc/live" is bytes; those that end in "#" count.
struct Reading {
  LifeInfo life;
  std::int64_t time = 0;  // ms since 1970
  std::vector<std::pair<std::string, std::int64_t>> values;
};

/// A reading with more values loses the last ones.
inline constexpr std::size_t reading_values_max = 512;

/// Threads: all functions from any, at the same time. None of them waits for the disk.
///
/// Errors: none is told to who records. A disk that is full, or a file that breaks, stops the
/// history until the next try (a minute later): status() says why, and `log` is told once.
class Recorder {
 public:
  struct Options {
    std::filesystem::path path;
    Limits limits;
    /// Of what comes in between two writes of a life the last is kept, value by value.
    std::chrono::milliseconds every{10'000};
    std::function<void(const std::string& sentence)> log;
    /// Ms since 1970.
    std::function<std::int64_t()> clock;
  };

  struct Status {
    std::string trouble;        // why it stands still; empty: it does not
    std::uint64_t bytes = 0;    // of the file
    std::uint64_t written = 0;  // frames
    std::uint64_t lost = 0;     // readings, events and profiles
    std::uint64_t lives = 0;    // that are written at present
  };

  /// What waits to be written: beyond it the newest are lost, and counted.
  static constexpr std::size_t lives_waiting_max = 2000;
  static constexpr std::size_t events_waiting_max = 2000;
  static constexpr std::size_t profile_bytes_waiting_max = std::size_t{32} << 20U;

  explicit Recorder(Options options);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  /// What waits is written before.
  ~Recorder();

  void record(Reading reading);
  /// Of a life, or of none.
  void event(const LifeInfo* life, std::int64_t time, std::string kind, std::string text);
  void profile(const LifeInfo& life, std::int64_t time, std::string kind, std::string cause,
               std::string bytes);
  void end(const LifeInfo& life, std::int64_t time, std::string how);

  [[nodiscard]] Status status() const;
  [[nodiscard]] const std::filesystem::path& path() const { return options_.path; }

  /// Writes what waits, now, on the calling thread.
  void flush();

 private:
  struct WaitingEvent {
    std::optional<LifeInfo> life;
    std::int64_t time = 0;
    std::string kind;
    std::string text;
    bool is_end = false;  // of the life; text is how
  };
  struct WaitingProfile {
    LifeInfo life;
    std::int64_t time = 0;
    std::string kind;
    std::string cause;
    std::string bytes;
  };
  struct Waiting {
    std::map<std::string, Reading> readings;  // by identity
    std::vector<WaitingEvent> events;
    std::vector<WaitingProfile> profiles;
    std::size_t profile_bytes = 0;
    [[nodiscard]] bool empty() const {
      return readings.empty() && events.empty() && profiles.empty();
    }
    [[nodiscard]] std::size_t size() const {
      return readings.size() + events.size() + profiles.size();
    }
  };
  /// A life that is being written.
  struct Written {
    LifeId id = 0;
    std::int64_t last = 0;
    Rollup minute{span_of(Tier::minute)};
    Rollup hour{span_of(Tier::hour)};
  };

  void work();
  [[nodiscard]] base::Result<void> write(const Waiting& waiting);
  [[nodiscard]] base::Result<void> write_all(const Waiting& waiting);
  [[nodiscard]] base::Result<void> write(const Reading& reading);
  [[nodiscard]] base::Result<void> write(const WaitingEvent& event);
  [[nodiscard]] base::Result<Written*> written(const LifeInfo& info, std::int64_t time,
                                               bool is_reading);
  [[nodiscard]] base::Result<void> resume(Written& life, std::int64_t time);
  void forget_the_idle(std::int64_t now);
  void failed(const base::Error& error, std::size_t lost);

  Options options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  Waiting waiting_;
  Status status_;

  std::mutex writing_;  // what follows
  std::optional<Store> store_;
  std::map<std::string, Written> lives_;  // by identity
  std::int64_t trimmed_ = 0;
  std::int64_t retry_at_ = 0;

  std::thread thread_;
};

}  // namespace heapwatch::history
