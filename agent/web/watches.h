// Processes that are watched because somebody asks for it, and no configuration.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "check/check.h"
#include "check/memory_verdicts.h"
#include "net/http.h"

namespace heapwatch::agent::web {

/// Looks at them as the check `memory` does, on a thread of its own, until they end. What it sees
/// is where that of the check is: in its sightings and verdicts.
///
/// Threads: all functions from any.
class Watches {
 public:
  static constexpr std::size_t processes_max = 64;

  struct Options {
    std::chrono::milliseconds every{5'000};
    check::MemoryWatch look;
    /// Called on the thread after each round.
    std::function<void()> after_round;
  };
  struct Watched {
    int pid = 0;
    std::string name;
  };

  explicit Watches(Options options) : options_(std::move(options)) {}
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;
  ~Watches() { stop(); }

  /// Rounds from now on, also while nothing is watched.
  void begin();
  /// No round goes on behind this.
  void stop();

  /// From now on; a first look follows at once. `page`: where a Go program tells its counters.
  /// Errors: not_found when there is no such process; limit when too many are watched.
  base::Result<Watched> watch(int pid, std::optional<net::HttpRequest> page = {});
  /// False when it is not watched.
  bool forget(int pid);
  [[nodiscard]] std::vector<Watched> all() const;

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<check::Check> check;
  };

  void start_thread();
  void work();
  void look_at_all();

  Options options_;
  mutable std::mutex mutex_;  // what follows
  std::condition_variable wake_;
  bool stop_ = false;
  bool is_new_ = false;
  std::map<int, Entry> entries_;
  std::thread thread_;  // begins with the first process
};

}  // namespace heapwatch::agent::web
