#include "agent/wiring/discovered_running.h"

#include <algorithm>
#include <span>

namespace heapwatch::agent::wiring {

using discovery::Chosen;
using discovery::Selection;

Discovered::Running::Running(discovery::Template its_template,
                             std::shared_ptr<const config::AgentConfig> its_agent)
    : from(std::move(its_template)),
      agent(std::move(its_agent)),
      watch(std::move(from.sources), discovery_options(*agent, from, true)) {
  state.check_name = from.file.check_name;
  state.name = from.name;
  if (from.shard) {
    sharing.emplace(*from.shard, discovery::names_of_this_machine());
  }
}

Selection Discovered::Running::choose(const LeftBehind* left) {
  const auto lists = watch.lists();
  const std::span all(lists);
  const std::size_t sources = all.size() - from.member_sources;
  if (!sharing) {
    return discovery::select(from, all);
  }
  sharing->update(all.subspan(sources), std::chrono::steady_clock::now());
  if (const auto settles = sharing->settles()) {
    watch.tell_again(*settles);
  }
  return discovery::select(from, all.first(sources),
                           {.is_own = [this](std::string_view url) { return sharing->is_own(url); },
                            .is_watched =
                                [this, left](const std::string& key) {
                                  return ids.contains(key) ||
                                         (left != nullptr && left->ids.contains(key));
                                }});
}

std::optional<DiscoveredStart> Discovered::Running::make(const Chosen& chosen, std::string key,
                                                         const LeftBehind* left,
                                                         Selection& selection) const {
  const config::Value instance = discovery::instance_of(from, chosen);
  DiscoveredStart start{.key = std::move(key),
                        .id = config::check_id(from.file, instance),
                        .fingerprint = config::check_fingerprint(from.file, instance),
                        .check = nullptr};
  if (left != nullptr) {
    const auto found = left->fingerprints.find(start.id);
    if (found != left->fingerprints.end() && found->second == start.fingerprint) {
      return start;
    }
  }
  std::string why;
  start.check = make_discovered(from, chosen, instance, *agent, why);
  if (!start.check) {
    ++selection.refused;
    selection.refusals.push_back(std::move(why));
    return std::nullopt;
  }
  return start;
}

void Discovered::Running::select() {
  const std::lock_guard lock_selecting(selecting);
  std::shared_ptr<const LeftBehind> left;
  {
    const std::lock_guard lock(state_mutex);
    left = left_behind;
  }
  const bool is_all = watch.has_asked_all();  // before their lists are looked at
  Selection selection = choose(left.get());
  std::unordered_map<std::string, std::string> ids_now;
  std::unordered_map<std::string, TargetPtr> targets_now;
  std::deque<DiscoveredStart> start;
  for (const Chosen& chosen : selection.chosen) {
    std::string key = discovery::key_of(chosen);
    if (const auto known = ids.find(key); known != ids.end()) {
      ids_now.insert(ids.extract(known));
      targets_now.insert(targets.extract(key));
      continue;
    }
    auto made = make(chosen, key, left.get(), selection);
    if (!made) {
      continue;
    }
    targets_now.emplace(key, std::make_shared<const DiscoveredTarget>(
                                 DiscoveredTarget{.check_name = from.file.check_name,
                                                  .id = made->id,
                                                  .endpoint = chosen.endpoint,
                                                  .tags = tags_of_discovered(from, chosen)}));
    ids_now.emplace(std::move(key), made->id);
    start.push_back(*std::move(made));
  }
  const auto gone = std::exchange(ids, std::move(ids_now));
  targets = std::move(targets_now);
  std::vector<TargetPtr> shown_now;
  shown_now.reserve(targets.size());
  for (const auto& [key, target] : targets) {
    shown_now.push_back(target);
  }
  selection.refusals.resize(std::min(selection.refusals.size(), discovery::refusals_told_max));
  const std::unordered_set<std::string> moved(selection.moved.begin(), selection.moved.end());
  const std::lock_guard lock(state_mutex);
  std::erase_if(to_start, [&](const DiscoveredStart& one) { return gone.contains(one.key); });
  for (const auto& [key, id] : gone) {
    gave_way.erase(key);
    to_stop.push_back({.id = id, .is_moved = moved.contains(key)});
  }
  for (const std::string& key : moved) {
    if (left != nullptr && left->ids.contains(key)) {
      to_stop.push_back({.id = left->ids.at(key), .is_moved = true});
    }
  }
  std::move(start.begin(), start.end(), std::back_inserter(to_start));
  has_all = has_all || is_all;
  state.dropped = selection.dropped;
  state.refused = selection.refused;
  state.elsewhere = selection.elsewhere;
  state.refusals = std::move(selection.refusals);
  state.share = sharing ? sharing->shown() : std::string();
  shown = std::move(shown_now);
}

}  // namespace heapwatch::agent::wiring
