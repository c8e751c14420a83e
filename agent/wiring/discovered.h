// The instances of targets that are discovered: they come and go while the agent runs.
//
// A template is an instance of conf.d with `discover:`. Its sources are asked on threads of their
// own, and what a new list means is worked out there: which targets are new, and the checks that
// watch them. The loop only puts them into the schedule and takes out what is gone, a few at a
// time, so that no other instance misses its turn. A target that stays is not touched: its instance
// has the same id as before, as that is made of its text.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/wiring/configured.h"
#include "check/schedule/scheduler.h"
#include "discovery/watch.h"
#include "net/event_loop.h"

namespace heapwatch::agent::wiring {

struct DiscoveredStart;
struct LeftBehind;

/// What the pages show of a template.
struct DiscoveryState {
  std::string check_name;
  std::string name;                   // FILE:LINE
  std::size_t instances = 0;          // that are watched
  std::size_t dropped = 0;            // targets, by rules
  std::size_t refused = 0;            // targets that are not allowed, or have no address
  std::size_t elsewhere = 0;          // targets that other agents watch
  std::string share = {};             // which part is this agent's; empty: all
  std::vector<std::string> refusals;  // sentences: the first few, and why a check could not be made
  std::vector<discovery::SourceState> sources;
};

/// A target that is watched, for who asks what is.
struct DiscoveredTarget {
  std::string check_name;
  std::string id;
  discovery::Endpoint endpoint;
  std::vector<std::string> tags;  // of the template, and of the target
};

/// Threads: the loop's, except states() and targets().
class Discovered {
 public:
  struct Parts {
    net::EventLoop& loop;
    check::schedule::Scheduler& scheduler;
    /// An instance of conf.d has this id.
    std::function<bool(std::string_view id)> is_taken;
    /// The instance is watched no more.
    std::function<void(const metrics::Instance&)> forget;
    /// Likewise, and another agent watches it from now on.
    std::function<void(const metrics::Instance&)> hand_over;
    /// Instances have come or gone.
    std::function<void()> changed;
  };
  explicit Discovered(Parts parts);
  Discovered(const Discovered&) = delete;
  Discovered& operator=(const Discovered&) = delete;
  /// Waits for sources that are being asked.
  ~Discovered();

  struct How {
    bool all_anew = false;  // what instances share has changed: none goes on as it was
    bool is_whole = true;   // nothing is missing for an error: what is kept of others may go
  };
  /// Those templates and no others, from now on. One that was there before goes on as it was; of
  /// one that has changed, the instances that come out as before do. What changed, as sentences.
  std::vector<std::string> set(std::vector<discovery::Template> templates,
                               const config::AgentConfig& agent, How how);
  /// An instance of conf.d of this id is about to start.
  void give_way(std::string_view id);
  /// Instances of conf.d have gone: what gave way to them can be watched.
  void take_back();

  [[nodiscard]] std::size_t instances() const;
  [[nodiscard]] std::vector<DiscoveryState> states() const;
  [[nodiscard]] std::vector<DiscoveredTarget> targets() const;

  /// After the loop has ended. False when a source has not ended after `patience`.
  [[nodiscard]] bool stop(std::chrono::milliseconds patience);

 private:
  struct Running;
  using RunningPtr = std::shared_ptr<Running>;

  void begin(discovery::Template from, const std::shared_ptr<const config::AgentConfig>& agent,
             const std::shared_ptr<const LeftBehind>& left);
  void retire(const RunningPtr& running);
  [[nodiscard]] std::shared_ptr<const LeftBehind> left_behind() const;
  void end_the_retired();
  void settle(const RunningPtr& running);
  void select(const RunningPtr& running);
  void pump(const RunningPtr& running);
  void start(const RunningPtr& running, DiscoveredStart one);
  /// False: it has no such instance.
  bool remove(Running& running, const std::string& id, bool is_moved);
  void drop_lists(const std::vector<discovery::Template>& templates,
                  const config::AgentConfig& agent) const;
  [[nodiscard]] bool is_running(std::string_view id) const;
  [[nodiscard]] std::vector<RunningPtr> running() const;
  void drop_the_ended();

  Parts parts_;
  std::vector<RunningPtr> leaving_;  // their threads may not have ended
  std::vector<RunningPtr> retired_;  // configured no more; their instances go on for now

  mutable std::mutex mutex_;
  std::vector<RunningPtr> running_;  // under mutex_ where it changes, and on other threads
};

/// Asks the sources of `configured` once, and adds the checks of their targets to those that can
/// run: for a command that runs once. What was known before a restart counts where a source is
/// broken.
[[nodiscard]] std::vector<DiscoveryState> discover_now(Configured& configured);

}  // namespace heapwatch::agent::wiring
