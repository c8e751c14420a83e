#include "agent/wiring/discovered.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "agent/wiring/discovered_check.h"
#include "base/counted.h"
#include "base/log.h"
#include "discovery/selection.h"

namespace heapwatch::agent::wiring {

namespace {

using base::LogLevel;
using discovery::Chosen;

/// Instances that come or go before others have their turn on the loop.
constexpr std::size_t slice = 100;
constexpr std::chrono::milliseconds pause{5};

using TargetPtr = std::shared_ptr<const DiscoveredTarget>;

struct Start {
  std::string key;
  std::unique_ptr<check::ConfiguredCheck> check;
};

}  // namespace

/// A template at work.
struct Discovered::Running {
  Running(discovery::Template its_template, std::shared_ptr<const config::AgentConfig> its_agent)
      : from(std::move(its_template)),
        agent(std::move(its_agent)),
        watch(std::move(from.sources), discovery_options(*agent, true)) {}

  discovery::Template from;  // its sources are the watch's
  std::shared_ptr<const config::AgentConfig> agent;

  // The loop's:
  std::unordered_map<std::string, metrics::InstancePtr> instances;  // by id
  bool is_gone = false;
  bool is_pumping = false;
  std::size_t came = 0;
  std::size_t went = 0;

  std::mutex selecting;  // held while a list is worked out; what is under it:
  std::unordered_map<std::string, std::string> ids;    // by key of a target
  std::unordered_map<std::string, TargetPtr> targets;  // by key

  std::mutex state_mutex;  // under it:
  DiscoveryState state;
  std::vector<TargetPtr> shown;
  std::deque<std::string> to_stop;  // ids
  std::deque<Start> to_start;
  std::unordered_set<std::string> gave_way;  // keys, to other instances of their ids

  discovery::Watch watch;  // last: its threads use the rest
};

Discovered::Discovered(Parts parts) : parts_(std::move(parts)) {}

/// A thread that is at work holds what it works on: the last to let go of it must not be that one.
Discovered::~Discovered() {
  constexpr std::chrono::hours as_long_as_it_takes{24};
  (void)stop(as_long_as_it_takes);
}

std::vector<std::string> Discovered::set(std::vector<discovery::Template> templates,
                                         const config::AgentConfig& agent, bool all_anew) {
  drop_the_ended();
  std::vector<std::string> told;
  const auto shared = std::make_shared<const config::AgentConfig>(agent);
  std::vector<RunningPtr> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(running_, {});
  }
  std::vector<discovery::Template> fresh;
  for (discovery::Template& one : templates) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const RunningPtr& running) {
      return running != nullptr && !all_anew && running->from.fingerprint == one.fingerprint &&
             running->from.file.file == one.file.file;
    });
    if (same == before.end()) {
      fresh.push_back(std::move(one));
      continue;
    }
    const std::lock_guard lock(mutex_);
    running_.push_back(std::exchange(*same, nullptr));
  }
  for (const RunningPtr& running : before) {
    if (running) {
      told.push_back("discovery of " + running->from.name + " ends");
      end(running);
    }
  }
  for (discovery::Template& one : fresh) {
    told.push_back("discovery of " + one.name + " begins, with " +
                   base::counted(one.sources.size(), "source"));
    begin(std::move(one), shared);
  }
  return told;
}

void Discovered::begin(discovery::Template from,
                       const std::shared_ptr<const config::AgentConfig>& agent) {
  auto running = std::make_shared<Running>(std::move(from), agent);
  running->state.check_name = running->from.file.check_name;
  running->state.name = running->from.name;
  {
    const std::lock_guard lock(mutex_);
    running_.push_back(running);
  }
  // Its threads end before it does: what they call need not keep it alive, and must not.
  running->watch.start([this, weak = std::weak_ptr<Running>(running)] {
    if (const RunningPtr one = weak.lock()) {
      select(one);
    }
  });
}

/// Its instances go at once, its threads when they can.
void Discovered::end(const RunningPtr& running) {
  running->is_gone = true;
  running->watch.stop_soon();
  leaving_.push_back(running);
  std::vector<std::string> ids;
  for (const auto& [id, instance] : running->instances) {
    ids.push_back(id);
  }
  for (const std::string& id : ids) {
    remove(*running, id);
  }
}

void Discovered::drop_the_ended() {
  std::erase_if(leaving_, [](const RunningPtr& one) { return one->watch.has_ended(); });
}

/// On the thread of a source, or on the loop's. What is new is made here; the loop only adds it.
void Discovered::select(const RunningPtr& running) {
  const std::lock_guard selecting(running->selecting);
  discovery::Selection selection = discovery::select(running->from, running->watch.lists());
  std::unordered_map<std::string, std::string> ids;
  std::unordered_map<std::string, TargetPtr> targets;
  std::deque<Start> to_start;
  for (const Chosen& chosen : selection.chosen) {
    const std::string key = discovery::key_of(chosen);
    if (const auto known = running->ids.find(key); known != running->ids.end()) {
      ids.insert(running->ids.extract(known));
      targets.insert(running->targets.extract(key));
      continue;
    }
    std::string why;
    auto check = make_discovered(running->from, chosen, *running->agent, why);
    if (!check) {
      ++selection.refused;
      selection.refusals.push_back(std::move(why));
      continue;
    }
    ids.emplace(key, check->instance->id);
    targets.emplace(key, std::make_shared<const DiscoveredTarget>(
                             DiscoveredTarget{.check_name = running->from.file.check_name,
                                              .id = check->instance->id,
                                              .endpoint = chosen.endpoint,
                                              .tags = tags_of_discovered(running->from, chosen)}));
    to_start.push_back({.key = key, .check = std::move(check)});
  }
  const auto gone = std::exchange(running->ids, std::move(ids));
  running->targets = std::move(targets);
  std::vector<TargetPtr> shown;
  shown.reserve(running->targets.size());
  for (const auto& [key, target] : running->targets) {
    shown.push_back(target);
  }
  selection.refusals.resize(std::min(selection.refusals.size(), discovery::refusals_told_max));
  {
    const std::lock_guard lock(running->state_mutex);
    std::erase_if(running->to_start, [&](const Start& one) { return gone.contains(one.key); });
    for (const auto& [key, id] : gone) {
      running->gave_way.erase(key);
      running->to_stop.push_back(id);
    }
    std::move(to_start.begin(), to_start.end(), std::back_inserter(running->to_start));
    running->state.dropped = selection.dropped;
    running->state.refused = selection.refused;
    running->state.refusals = std::move(selection.refusals);
    running->shown = std::move(shown);
  }
  parts_.loop.post([this, running] {
    if (!std::exchange(running->is_pumping, true)) {
      pump(running);
    }
  });
}

/// A slice of what is to come and to go; what goes goes first.
void Discovered::pump(const RunningPtr& running) {
  std::vector<std::string> stop;
  std::vector<Start> start_now;
  bool is_done = false;
  {
    const std::lock_guard lock(running->state_mutex);
    while (!running->to_stop.empty() && stop.size() < slice) {
      stop.push_back(std::move(running->to_stop.front()));
      running->to_stop.pop_front();
    }
    while (running->to_stop.empty() && !running->to_start.empty() &&
           start_now.size() + stop.size() < slice) {
      start_now.push_back(std::move(running->to_start.front()));
      running->to_start.pop_front();
    }
    is_done = running->to_stop.empty() && running->to_start.empty();
  }
  if (running->is_gone) {
    running->is_pumping = false;
    return;
  }
  for (const std::string& id : stop) {
    remove(*running, id);
  }
  for (Start& one : start_now) {
    start(running, std::move(one.key), std::move(one.check));
  }
  if (!is_done) {
    parts_.loop.post([this, running] { pump(running); });
    return;
  }
  running->is_pumping = false;
  const std::size_t came = std::exchange(running->came, 0);
  const std::size_t went = std::exchange(running->went, 0);
  if (came + went != 0) {
    base::log(LogLevel::info, "discovery of " + running->from.name + ": " +
                                  base::counted(came, "target") + " came, " + std::to_string(went) +
                                  " went, " + std::to_string(running->instances.size()) +
                                  " are watched");
    parts_.changed();
  }
  if (went != 0) {
    take_back();
  }
}

void Discovered::start(const RunningPtr& running, std::string key,
                       std::unique_ptr<check::ConfiguredCheck> check) {
  const metrics::InstancePtr instance = check->instance;
  if (parts_.is_taken(instance->id) || is_running(instance->id)) {
    const std::lock_guard lock(running->state_mutex);
    running->gave_way.insert(std::move(key));
    return;
  }
  running->instances.emplace(instance->id, instance);
  ++running->came;
  {
    const std::lock_guard lock(running->state_mutex);
    running->state.instances = running->instances.size();
  }
  parts_.scheduler.add(std::move(check));
}

void Discovered::remove(Running& running, const std::string& id) {
  const auto found = running.instances.find(id);
  if (found == running.instances.end()) {
    return;
  }
  const metrics::InstancePtr instance = found->second;
  running.instances.erase(found);
  ++running.went;
  {
    const std::lock_guard lock(running.state_mutex);
    running.state.instances = running.instances.size();
  }
  parts_.scheduler.remove(id);
  parts_.forget(*instance);
}

bool Discovered::is_running(std::string_view id) const {
  const std::string key(id);
  return std::any_of(running_.begin(), running_.end(),
                     [&](const RunningPtr& running) { return running->instances.contains(key); });
}

void Discovered::give_way(std::string_view id) {
  const std::string key(id);
  for (const RunningPtr& running : running_) {
    if (!running->instances.contains(key)) {
      continue;
    }
    remove(*running, key);
    const std::lock_guard selecting(running->selecting);
    const std::lock_guard lock(running->state_mutex);
    for (const auto& [target, its_id] : running->ids) {
      if (its_id == key) {
        running->gave_way.insert(target);
      }
    }
  }
}

/// Seldom anything: an instance stands in conf.d and is found, too, with the same tags.
void Discovered::take_back() {
  for (const RunningPtr& running : std::vector<RunningPtr>(running_)) {
    bool is_any_free = false;
    {
      const std::lock_guard lock(running->state_mutex);
      if (running->gave_way.empty()) {
        continue;  // nearly always; `selecting` may be held for long
      }
    }
    {
      const std::lock_guard selecting(running->selecting);
      const std::lock_guard lock(running->state_mutex);
      for (auto key = running->gave_way.begin(); key != running->gave_way.end();) {
        const auto id = running->ids.find(*key);
        const bool is_free =
            id != running->ids.end() && !parts_.is_taken(id->second) && !is_running(id->second);
        if (is_free) {
          running->targets.erase(*key);
          running->ids.erase(id);
          is_any_free = true;
        }
        key = is_free ? running->gave_way.erase(key) : std::next(key);
      }
    }
    if (is_any_free) {
      select(running);
    }
  }
}

std::size_t Discovered::instances() const {
  std::size_t count = 0;
  for (const RunningPtr& running : running_) {
    count += running->instances.size();
  }
  return count;
}

std::vector<Discovered::RunningPtr> Discovered::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

std::vector<DiscoveryState> Discovered::states() const {
  std::vector<DiscoveryState> states;
  for (const RunningPtr& running : running()) {
    {
      const std::lock_guard lock(running->state_mutex);
      states.push_back(running->state);
    }
    states.back().sources = running->watch.states();
  }
  return states;
}

std::vector<DiscoveredTarget> Discovered::targets() const {
  std::vector<DiscoveredTarget> targets;
  for (const RunningPtr& running : running()) {
    const std::lock_guard lock(running->state_mutex);
    for (const TargetPtr& target : running->shown) {
      targets.push_back(*target);
    }
  }
  return targets;
}

bool Discovered::stop(std::chrono::milliseconds patience) {
  for (const RunningPtr& running : running_) {
    running->watch.stop_soon();
  }
  const auto have_ended = [this] {
    const auto has_ended = [](const RunningPtr& one) { return one->watch.has_ended(); };
    return std::all_of(running_.begin(), running_.end(), has_ended) &&
           std::all_of(leaving_.begin(), leaving_.end(), has_ended);
  };
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!have_ended() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
  }
  return have_ended();
}

}  // namespace heapwatch::agent::wiring
