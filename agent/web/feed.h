// From what the check `memory` sees to the history.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "check/memory_verdicts.h"
#include "history/recorder.h"

namespace heapwatch::agent::web {

/// Which machine and boot this is, and when it began: who a process is over restarts of the agent.
struct Boot {
  std::string id;
  std::int64_t began = 0;  // ms since 1970
};
[[nodiscard]] Boot this_boot();

/// What a process of this boot is known by, as it is now; empty when there is none.
[[nodiscard]] std::string identity_of(const Boot& boot, int pid);

/// Threads: one.
class Feed {
 public:
  struct Parts {
    history::Recorder& recorder;
    check::memory::Sightings& sightings;
    std::function<std::vector<check::memory::ProcessVerdict>()> verdicts;
    std::function<std::int64_t()> clock;  // ms since 1970
    Boot boot;
  };

  explicit Feed(Parts parts) : parts_(std::move(parts)) {}

  /// To be called every some seconds: records what was seen since.
  void take();

 private:
  struct Known {
    history::LifeInfo life;
    std::uint64_t looks = 0;
    std::uint64_t start_ticks = 0;
    std::string verdict;
    std::string sentence;
  };

  [[nodiscard]] Known& known(const check::memory::Sighting& seen);
  void end_those_that_are_gone(const std::set<int>& seen, std::int64_t now);

  Parts parts_;
  std::map<int, Known> known_;  // by pid
};

}  // namespace heapwatch::agent::web
