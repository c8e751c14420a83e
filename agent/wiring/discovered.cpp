#include "agent/wiring/discovered.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "agent/wiring/discovered_running.h"
#include "base/counted.h"
#include "base/log.h"
#include "discovery/kept.h"

namespace heapwatch::agent::wiring {

namespace {

using base::LogLevel;

/// Instances that come or go before others have their turn on the loop.
constexpr std::size_t slice = 100;
constexpr std::chrono::milliseconds pause{5};

}  // namespace

Discovered::Discovered(Parts parts) : parts_(std::move(parts)) {}

/// A thread that is at work holds what it works on: the last to let go of it must not be that one.
Discovered::~Discovered() {
  constexpr std::chrono::hours as_long_as_it_takes{24};
  (void)stop(as_long_as_it_takes);
}

std::vector<std::string> Discovered::set(std::vector<discovery::Template> templates,
                                         const config::AgentConfig& agent, How how) {
  drop_the_ended();
  if (how.is_whole) {
    drop_lists(templates, agent);
  }
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
      return running != nullptr && !how.all_anew && running->from.fingerprint == one.fingerprint &&
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
      retire(running);
    }
  }
  if (how.all_anew || fresh.empty()) {
    end_the_retired();
  }
  const auto left = left_behind();
  for (discovery::Template& one : fresh) {
    told.push_back("discovery of " + one.name + " begins, with " +
                   base::counted(one.sources.size(), "source"));
    begin(std::move(one), shared, left);
  }
  return told;
}

void Discovered::begin(discovery::Template from,
                       const std::shared_ptr<const config::AgentConfig>& agent,
                       const std::shared_ptr<const LeftBehind>& left) {
  auto running = std::make_shared<Running>(std::move(from), agent);
  running->left_behind = left;
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

/// Its threads end when they can; its instances go on until it is known which of them other
/// templates have.
void Discovered::retire(const RunningPtr& running) {
  running->is_gone = true;
  running->watch.stop_soon();
  leaving_.push_back(running);
  retired_.push_back(running);
}

std::shared_ptr<const LeftBehind> Discovered::left_behind() const {
  if (retired_.empty()) {
    return nullptr;
  }
  auto left = std::make_shared<LeftBehind>();
  for (const RunningPtr& running : retired_) {
    for (const auto& [id, held] : running->instances) {
      left->fingerprints.emplace(id, held.fingerprint);
    }
    const std::lock_guard selecting(running->selecting);
    left->ids.insert(running->ids.begin(), running->ids.end());
  }
  return left;
}

/// What has no place in other templates goes, when all of them have found what there is.
void Discovered::end_the_retired() {
  for (const RunningPtr& running : std::exchange(retired_, {})) {
    std::vector<std::string> ids;
    for (const auto& [id, held] : running->instances) {
      ids.push_back(id);
    }
    for (const std::string& id : ids) {
      (void)remove(*running, id, false);
    }
  }
  for (const RunningPtr& running : running_) {
    const std::lock_guard lock(running->state_mutex);
    running->left_behind = nullptr;
  }
}

void Discovered::settle(const RunningPtr& running) {
  running->is_settled = true;
  const bool are_all = std::all_of(running_.begin(), running_.end(),
                                   [](const RunningPtr& one) { return one->is_settled; });
  if (are_all && !retired_.empty()) {
    end_the_retired();
    take_back();
    parts_.changed();
  }
}

/// Lists of sources that are configured no more.
void Discovered::drop_lists(const std::vector<discovery::Template>& templates,
                            const config::AgentConfig& agent) const {
  std::set<std::uint64_t> identities;
  for (const discovery::Template& one : templates) {
    for (const auto& source : one.sources) {
      identities.insert(source->options().identity);
    }
  }
  const std::size_t dropped = discovery::drop_other_lists(lists_folder(agent), identities);
  if (dropped != 0) {
    base::log(LogLevel::info,
              base::counted(dropped, "kept list") + " of sources that are configured no more went");
  }
}

void Discovered::drop_the_ended() {
  std::erase_if(leaving_, [](const RunningPtr& one) { return one->watch.has_ended(); });
}

void Discovered::select(const RunningPtr& running) {
  running->select();
  parts_.loop.post([this, running] {
    if (!std::exchange(running->is_pumping, true)) {
      pump(running);
    }
  });
}

/// A slice of what is to come and to go; what goes goes first.
void Discovered::pump(const RunningPtr& running) {
  std::vector<Running::Stop> stop;
  std::vector<DiscoveredStart> start_now;
  bool is_done = false;
  bool has_all = false;
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
    has_all = running->has_all;
  }
  if (running->is_gone) {
    running->is_pumping = false;
    return;
  }
  for (const Running::Stop& one : stop) {
    if (!remove(*running, one.id, one.is_moved)) {
      for (const RunningPtr& retired : retired_) {
        (void)remove(*retired, one.id, one.is_moved);
      }
    }
  }
  for (DiscoveredStart& one : start_now) {
    start(running, std::move(one));
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
  if (has_all && !running->is_settled) {
    settle(running);
  }
  if (went != 0) {
    take_back();
  }
}

/// An instance that was left behind goes on as it is when it is configured as the new one would be.
void Discovered::start(const RunningPtr& running, DiscoveredStart one) {
  if (parts_.is_taken(one.id) || is_running(one.id)) {
    const std::lock_guard lock(running->state_mutex);
    running->gave_way.insert(std::move(one.key));
    return;
  }
  Running::Held held{.instance = one.check ? one.check->instance : nullptr,
                     .fingerprint = one.fingerprint};
  for (const RunningPtr& retired : retired_) {
    const auto found = retired->instances.find(one.id);
    if (found != retired->instances.end() && found->second.fingerprint == one.fingerprint) {
      held = found->second;
      retired->instances.erase(found);
      one.check = nullptr;
    } else {
      (void)remove(*retired, one.id, false);
    }
  }
  if (!held.instance) {  // it has ended since: it is to be made
    const std::lock_guard lock(running->state_mutex);
    running->gave_way.insert(std::move(one.key));
    running->left_behind = nullptr;
    ++running->went;
    return;
  }
  if (one.check) {
    ++running->came;
    parts_.scheduler.add(std::move(one.check));
  }
  running->instances.emplace(one.id, std::move(held));
  const std::lock_guard lock(running->state_mutex);
  running->state.instances = running->instances.size();
}

bool Discovered::remove(Running& running, const std::string& id, bool is_moved) {
  const auto found = running.instances.find(id);
  if (found == running.instances.end()) {
    return false;
  }
  const metrics::InstancePtr instance = found->second.instance;
  running.instances.erase(found);
  ++running.went;
  {
    const std::lock_guard lock(running.state_mutex);
    running.state.instances = running.instances.size();
  }
  parts_.scheduler.remove(id);
  if (is_moved) {
    parts_.hand_over(*instance);
  } else {
    parts_.forget(*instance);
  }
  return true;
}

bool Discovered::is_running(std::string_view id) const {
  const std::string key(id);
  return std::any_of(running_.begin(), running_.end(),
                     [&](const RunningPtr& running) { return running->instances.contains(key); });
}

void Discovered::give_way(std::string_view id) {
  const std::string key(id);
  for (const RunningPtr& retired : retired_) {
    (void)remove(*retired, key, false);
  }
  for (const RunningPtr& running : running_) {
    if (!remove(*running, key, false)) {
      continue;
    }
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
  for (const RunningPtr& retired : retired_) {
    count += retired->instances.size();
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
    for (const auto& target : running->shown) {
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
