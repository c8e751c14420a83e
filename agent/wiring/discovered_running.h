// A template at work: its sources, its targets, and what the loop is to do about them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/wiring/discovered.h"
#include "agent/wiring/discovered_check.h"
#include "discovery/selection.h"
#include "discovery/sharing.h"

namespace heapwatch::agent::wiring {

/// What templates leave behind that are configured no more: the instance of a new one that is
/// configured as one of these goes on in its place.
struct LeftBehind {
  std::unordered_map<std::string, std::uint64_t> fingerprints;  // by id
  std::unordered_map<std::string, std::string> ids;             // by key of a target
};

struct DiscoveredStart {
  std::string key;
  std::string id;
  std::uint64_t fingerprint = 0;
  std::unique_ptr<check::ConfiguredCheck> check;  // null: one that was left behind goes on
};

struct Discovered::Running {
  Running(discovery::Template its_template, std::shared_ptr<const config::AgentConfig> its_agent);

  /// On the thread of a source, or on the loop's. What is new is made here; the loop only adds it.
  void select();

  struct Held {
    metrics::InstancePtr instance;
    std::uint64_t fingerprint = 0;
  };
  struct Stop {
    std::string id;
    bool is_moved = false;  // to another agent
  };
  using TargetPtr = std::shared_ptr<const DiscoveredTarget>;

  discovery::Template from;  // its sources are the watch's
  std::shared_ptr<const config::AgentConfig> agent;

  // The loop's:
  std::unordered_map<std::string, Held> instances;  // by id
  bool is_gone = false;
  bool is_pumping = false;
  bool is_settled = false;  // what its sources said first is watched
  std::size_t came = 0;
  std::size_t went = 0;

  std::mutex selecting;  // held while a list is worked out; what is under it:
  std::unordered_map<std::string, std::string> ids;    // by key of a target
  std::unordered_map<std::string, TargetPtr> targets;  // by key
  std::optional<discovery::Sharing> sharing;

  std::mutex state_mutex;  // under it:
  DiscoveryState state;
  std::vector<TargetPtr> shown;
  std::deque<Stop> to_stop;
  std::deque<DiscoveredStart> to_start;
  std::unordered_set<std::string> gave_way;  // keys, to other instances of their ids
  std::shared_ptr<const LeftBehind> left_behind;
  bool has_all = false;  // each source was asked, and what it said is in the lists above

  discovery::Watch watch;  // last: its threads use the rest

 private:
  [[nodiscard]] discovery::Selection choose(const LeftBehind* left);
  /// Absent: it is refused, which the selection then holds.
  [[nodiscard]] std::optional<DiscoveredStart> make(const discovery::Chosen& chosen,
                                                    std::string key, const LeftBehind* left,
                                                    discovery::Selection& selection) const;
};

}  // namespace heapwatch::agent::wiring
