#include "check/told.h"

#include <utility>

#include "base/beginning.h"

namespace heapwatch::check {

namespace {

using Of = Telling::Of;

/// What `map` holds at `key`; null: nothing.
template <typename Map>
const typename Map::mapped_type* find(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

void add_telemetry_changes(const Told& before, const Told& now, std::vector<Telling>& changed) {
  for (const auto& [key, figure] : now.telemetry) {
    const Figure* const old = find(before.telemetry, key);
    if (old != nullptr && *old == figure) {
      continue;
    }
    const double base = old != nullptr && figure.is_total && old->is_total ? old->value : 0;
    changed.push_back({.of = figure.is_total ? Of::total : Of::value,
                       .key = key,
                       .text = {},
                       .number = figure.value - base,
                       .tags = {}});
  }
}

void add_issue_changes(const Told& before, const Told& now, std::vector<Telling>& changed) {
  for (const auto& [check, text] : now.issues) {
    const std::string* const old = find(before.issues, check);
    if (old == nullptr || *old != text) {
      changed.push_back({.of = Of::issue, .key = check, .text = text, .number = 0, .tags = {}});
    }
  }
  for (const auto& [check, text] : before.issues) {
    if (!now.issues.contains(check)) {
      changed.push_back({.of = Of::resolved, .key = check, .text = {}, .number = 0, .tags = {}});
    }
  }
}

/// What it costs to keep, about.
std::size_t bytes_of(const Telling& thing) {
  std::size_t bytes = 2 * sizeof(Telling) + 2 * (thing.key.size() + thing.text.size());
  for (const std::string& tag : thing.tags) {
    bytes += sizeof(std::string) + tag.size();
  }
  return bytes;
}

}  // namespace

std::vector<Telling> changes(const Told& before, const Told& now) {
  std::vector<Telling> changed;
  for (const auto& [id, of_check] : now.metadata) {
    const auto* const old_of_check = find(before.metadata, id);
    for (const auto& [name, text] : of_check) {
      const std::string* const old = old_of_check == nullptr ? nullptr : find(*old_of_check, name);
      if (old == nullptr || *old != text) {
        changed.push_back({.of = Of::metadata, .key = name, .text = text, .number = 0, .tags = {}});
      }
    }
  }
  add_telemetry_changes(before, now, changed);
  for (const auto& [host, sources] : now.external_tags) {
    const auto* const old_sources = find(before.external_tags, host);
    for (const auto& [source, tags] : sources) {
      const auto* const old = old_sources == nullptr ? nullptr : find(*old_sources, source);
      if (old == nullptr || *old != tags) {
        changed.push_back(
            {.of = Of::external_tags, .key = host, .text = source, .number = 0, .tags = tags});
      }
    }
  }
  add_issue_changes(before, now, changed);
  return changed;
}

void merge(Told& into, const Told& others) {
  for (const auto& [id, of_check] : others.metadata) {
    into.metadata[id].insert(of_check.begin(), of_check.end());
  }
  for (const auto& [key, figure] : others.telemetry) {
    Figure& place = into.telemetry[key];
    place = {.value = figure.is_total ? place.value + figure.value : figure.value,
             .is_total = figure.is_total};
  }
  for (const auto& [host, sources] : others.external_tags) {
    into.external_tags[host].insert(sources.begin(), sources.end());
  }
  into.issues.insert(others.issues.begin(), others.issues.end());
}

void ToldByProcesses::add(const std::string& id, const void* teller, const Telling& telling) {
  const bool is_telemetry = telling.of == Of::value || telling.of == Of::total;
  const Of kind = is_telemetry ? Of::value : telling.of == Of::resolved ? Of::issue : telling.of;
  const Place place(kind, kind == Of::metadata ? id : std::string(), telling.key,
                    kind == Of::external_tags ? telling.text : std::string());
  const std::lock_guard lock(mutex_);
  const auto found = things_.find(place);
  if (telling.of == Of::resolved) {
    if (found != things_.end()) {
      take_off(found);
    }
    return;
  }
  Thing thing{telling, teller};
  if (kind != Of::external_tags) {
    thing.told.text = base::beginning(thing.told.text, told_bytes_max);
  }
  if (telling.of == Of::total && found != things_.end() && found->second.told.of == Of::total) {
    thing.told.number += found->second.told.number;
  }
  const std::size_t bytes = bytes_of(thing.told);
  const std::size_t freed = found == things_.end() ? 0 : bytes_of(found->second.told);
  if (telling.key.size() > told_bytes_max ||
      (found == things_.end() && things_.size() >= told_max) ||
      bytes_ - freed + bytes > told_by_processes_bytes_max) {
    return;
  }
  bytes_ += bytes - freed;
  things_[place] = std::move(thing);
}

void ToldByProcesses::take_off(Things::iterator thing) {
  bytes_ -= bytes_of(thing->second.told);
  things_.erase(thing);
}

void ToldByProcesses::forget(const std::string& id, const void* teller) {
  const std::lock_guard lock(mutex_);
  auto next = things_.lower_bound(Place(Of::metadata, id, {}, {}));
  while (next != things_.end() && std::get<0>(next->first) == Of::metadata &&
         std::get<1>(next->first) == id) {
    const auto thing = next++;
    if (thing->second.teller == teller) {
      take_off(thing);
    }
  }
}

Told ToldByProcesses::all() const {
  const std::lock_guard lock(mutex_);
  Told told;
  for (const auto& [place, kept] : things_) {
    const Telling& thing = kept.told;
    switch (thing.of) {
      case Of::metadata:
        told.metadata[std::get<1>(place)][thing.key] = thing.text;
        break;
      case Of::value:
      case Of::total:
        told.telemetry[thing.key] = {.value = thing.number, .is_total = thing.of == Of::total};
        break;
      case Of::external_tags:
        told.external_tags[thing.key][thing.text] = thing.tags;
        break;
      case Of::issue:
        told.issues[thing.key] = thing.text;
        break;
      case Of::resolved:
        break;
    }
  }
  return told;
}

}  // namespace heapwatch::check
