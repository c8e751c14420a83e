// The part of the check `memory` that tells what it sees to who keeps a history.
#include <utility>

#include "check/memory/memory_check.h"

namespace heapwatch::check::memory {

Sighting MemoryCheck::sighting_of(const Watched& watched) {
  Sighting seen{.pid = watched.facts.pid,
                .start_ticks = watched.facts.start_ticks,
                .name = config_.name.empty() ? watched.facts.command : config_.name,
                .rss = watched.facts.vm_rss,
                .swap = watched.facts.vm_swap,
                .threads = watched.facts.threads,
                .looks = watched.looks};
  seen.tags = config_.tags;
  for (const std::string& tag : tags_of(watched)) {
    seen.service += (seen.service.empty() ? "" : ",") + tag;
    seen.tags.push_back(tag);
  }
  if (const auto& group = group_of(watched); group && group->limit_bytes) {
    seen.limit = group->limit_bytes;
    seen.working_set = group->working_set_bytes;
  }
  if (watched.looked) {
    for (const Looked::Row& row : watched.looked->rows) {
      seen.rows.push_back(
          {.space = row.space, .owner = row.owner, .state = row.state, .bytes = row.bytes});
    }
    seen.goroutines = watched.looked->goroutines;
  }
  return seen;
}

void MemoryCheck::tell_sightings() {
  std::vector<Sighting> seen;
  for (auto& [pid, watched] : watched_) {
    seen.push_back(sighting_of(watched));
    take_scheduled_profiles(watched);
  }
  machine_->sightings().tell(this, std::move(seen));
}

/// Within the budget of looks, of which it is a part.
void MemoryCheck::take_scheduled_profiles(Watched& watched) {
  const Moment now = machine_->now();
  if (!machine_->sightings().wants_profiles() || !watched.looked ||
      (watched.profiled_at && now - *watched.profiled_at < config_.profile_interval)) {
    return;
  }
  watched.profiled_at = now;
  const std::chrono::nanoseconds before = machine_->cpu();
  keep_in_history(watched.facts, "schedule", machine_->profiles(watched.facts.pid, config_.page));
  machine_->budget().spend(machine_->cpu() - before);
}

void MemoryCheck::keep_in_history(const Facts& facts, const std::string& cause,
                                  std::vector<TakenProfile> taken) {
  for (TakenProfile& profile : taken) {
    machine_->sightings().add({.pid = facts.pid,
                               .start_ticks = facts.start_ticks,
                               .kind = std::move(profile.kind),
                               .cause = cause,
                               .bytes = std::move(profile.bytes)});
  }
}

}  // namespace heapwatch::check::memory
