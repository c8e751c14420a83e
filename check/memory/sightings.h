// What was seen of each watched process, for who keeps a history of it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::check::memory {

/// Units: bytes.
struct Sighting {
  struct Row {
    std::string space;
    std::string owner;
    std::string state;
    std::uint64_t bytes = 0;
  };

  int pid = 0;
  std::uint64_t start_ticks = 0;  // with the pid, who this is
  std::string name;               // as the tag process_name has it
  std::string service;            // its service's tags
  std::vector<std::string> tags;  // of its series
  std::uint64_t rss = 0;
  std::uint64_t swap = 0;
  std::uint64_t threads = 0;
  std::optional<std::uint64_t> limit;        // of its container
  std::optional<std::uint64_t> working_set;  // likewise
  /// Of the last look; they add up to the resident memory of that moment.
  std::vector<Row> rows;
  std::uint64_t looks = 0;  // so far: rows are new when there is one more
  std::optional<std::uint64_t> goroutines;
};

/// A profile of a process, as pprof reads it.
struct SeenProfile {
  int pid = 0;
  std::uint64_t start_ticks = 0;
  std::string kind;   // "go", "native", "python"
  std::string cause;  // "schedule", "verdict", "limit"
  std::string bytes;
};

/// Threads: any.
class Sightings {
 public:
  /// Of profiles that nobody has taken yet. Further ones are lost.
  static constexpr std::size_t profile_bytes_max = std::size_t{16} << 20U;

  /// All that an instance watches, in place of what it told before.
  void tell(const void* who, std::vector<Sighting> seen) {
    const std::lock_guard lock(mutex_);
    told_[who] = std::move(seen);
  }
  void withdraw(const void* who) {
    const std::lock_guard lock(mutex_);
    told_.erase(who);
  }
  /// Each process once.
  [[nodiscard]] std::vector<Sighting> all() const {
    const std::lock_guard lock(mutex_);
    std::map<int, const Sighting*> by_pid;
    for (const auto& [who, seen] : told_) {
      for (const Sighting& one : seen) {
        const auto [place, is_new] = by_pid.emplace(one.pid, &one);
        if (!is_new && place->second->looks < one.looks) {
          place->second = &one;
        }
      }
    }
    std::vector<Sighting> all;
    all.reserve(by_pid.size());
    for (const auto& [pid, one] : by_pid) {
      all.push_back(*one);
    }
    return all;
  }

  /// Profiles are taken only when somebody keeps them.
  void want_profiles(bool are_wanted) { are_wanted_ = are_wanted; }
  [[nodiscard]] bool wants_profiles() const { return are_wanted_; }
  void add(SeenProfile profile) {
    const std::lock_guard lock(mutex_);
    if (are_wanted_ && profile_bytes_ + profile.bytes.size() <= profile_bytes_max) {
      profile_bytes_ += profile.bytes.size();
      profiles_.push_back(std::move(profile));
    }
  }
  [[nodiscard]] std::vector<SeenProfile> take_profiles() {
    const std::lock_guard lock(mutex_);
    profile_bytes_ = 0;
    return std::exchange(profiles_, {});
  }

 private:
  std::atomic<bool> are_wanted_ = false;
  mutable std::mutex mutex_;
  std::map<const void*, std::vector<Sighting>> told_;
  std::vector<SeenProfile> profiles_;
  std::size_t profile_bytes_ = 0;
};

}  // namespace heapwatch::check::memory
