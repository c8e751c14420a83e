// Sharing targets out between agents: `shard:` of a template.
//
// All agents have the same template and each works out for itself which targets are its own. Who
// the members are is either written down (so many, and this is number i) or found by sources, as
// targets are. In the latter case the agents learn of a change one after the other. So that no
// target is watched by two at a time, whose counters would count twice, an agent gives up at once
// what is no longer its own, and takes what is newly its own after `hand_over`, when the others
// have learnt of the change, too. A target that moves is unwatched for as long.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/section.h"
#include "discovery/rendezvous.h"
#include "discovery/watch.h"

namespace heapwatch::discovery {

inline constexpr std::size_t members_max = 1000;

struct ShardOptions {
  std::size_t index = 0;
  std::size_t count = 0;  // 0: members are found by sources
  std::string self;       // empty: the member that is this machine
  std::size_t replicas = 1;
  std::chrono::milliseconds hand_over{45'000};
};

/// `shard`: the map; without what reads the sources of its `members`. `has_members`: there are any.
[[nodiscard]] ShardOptions read_shard(config::Section& shard, bool has_members);

/// The number at the end of the name of a pod of a StatefulSet: 2 of heapwatch-2.
[[nodiscard]] std::optional<std::size_t> number_of_pod(std::string_view name);

/// Threads: not safe.
class Sharing {
 public:
  /// `own_names`: of this machine, of which one is the host of a member.
  Sharing(ShardOptions options, std::vector<std::string> own_names);

  /// `lists`: of the sources of members.
  void update(std::span<const SourceList> lists, std::chrono::steady_clock::time_point now);
  [[nodiscard]] bool is_own(std::string_view url) const;
  /// When update() has to be called again though no list changes.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> settles() const;
  /// "member 2 of 5 (heapwatch-1)", or why there is nothing to watch.
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  struct View {
    std::vector<std::string> members;
    Rendezvous table{{}};
    std::optional<std::size_t> self;
  };
  struct Earlier {
    View view;
    std::chrono::steady_clock::time_point until;
  };
  [[nodiscard]] View view_of(std::vector<std::string> members);
  [[nodiscard]] std::optional<std::size_t> find_self(const std::vector<std::string>& members) const;
  [[nodiscard]] bool has(const View& view, std::string_view url) const;
  void show();

  ShardOptions options_;
  std::vector<std::string> own_names_;
  std::optional<View> view_;
  std::deque<Earlier> earlier_;  // which others may have still
  std::string shown_;
};

/// The name of this machine, and its addresses but for those of the loopback.
[[nodiscard]] std::vector<std::string> names_of_this_machine();

}  // namespace heapwatch::discovery
