#include "check/python/agent_state.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/beginning.h"

namespace heapwatch::check::python {

namespace {

constexpr std::size_t entry_bytes = 128;  // of a map, beside its texts

std::size_t bytes_of(const std::vector<std::string>& tags) {
  std::size_t bytes = 0;
  for (const std::string& tag : tags) {
    bytes += sizeof(std::string) + tag.size();
  }
  return bytes;
}

/// The place of `key`, a new one at the cost of its bytes; null when there is no room.
template <typename Map>
typename Map::mapped_type* place_for(std::size_t& bytes, Map& map, const std::string& key,
                                     std::size_t most = told_max) {
  const bool is_new = !map.contains(key);
  if (is_new && bytes + entry_bytes + key.size() > told_here_bytes_max) {
    return nullptr;
  }
  auto* const place = place_in(map, key, most);
  bytes += is_new && place != nullptr ? entry_bytes + key.size() : 0;
  return place;
}

/// Puts `now` in the place of what is there when there is room for what it is larger by.
template <typename Thing>
bool has_put(std::size_t& bytes, Thing& place, Thing now, std::size_t before_bytes,
             std::size_t now_bytes) {
  if (bytes - before_bytes + now_bytes > told_here_bytes_max) {
    return false;
  }
  bytes = bytes - before_bytes + now_bytes;
  place = std::move(now);
  return true;
}

/// False when it is left out.
bool has_kept(AgentState& state, const std::string& check_id, const Telling& telling) {
  Told& told = state.told;
  std::size_t& bytes = state.told_bytes;
  const auto has_put_text = [&](std::string* place) {
    std::string text = base::beginning(telling.text, told_bytes_max);
    const std::size_t size = text.size();
    return place != nullptr && has_put(bytes, *place, std::move(text), place->size(), size);
  };
  switch (telling.of) {
    case Telling::Of::metadata: {
      auto* const of_check = place_for(bytes, told.metadata, check_id);
      return of_check != nullptr &&
             has_put_text(place_for(bytes, *of_check, telling.key, told_of_one_max));
    }
    case Telling::Of::value:
    case Telling::Of::total: {
      Figure* const place = place_for(bytes, told.telemetry, telling.key);
      const bool is_total = telling.of == Telling::Of::total;
      if (place != nullptr) {
        *place = {.value = is_total ? place->value + telling.number : telling.number,
                  .is_total = is_total};
      }
      return place != nullptr;
    }
    case Telling::Of::external_tags: {
      auto* const of_host = place_for(bytes, told.external_tags, telling.key);
      auto* const place =
          of_host == nullptr ? nullptr : place_for(bytes, *of_host, telling.text, told_of_one_max);
      return place != nullptr &&
             has_put(bytes, *place, telling.tags, bytes_of(*place), bytes_of(telling.tags));
    }
    case Telling::Of::issue:
      return has_put_text(place_for(bytes, told.issues, telling.key));
    case Telling::Of::resolved:
      break;
  }
  return false;
}

}  // namespace

AgentState& agent_state() {
  static auto* const instance = new AgentState;
  return *instance;
}

void keep_masks(const CheckSource& source) {
  std::vector<config::Mask> masks = config::masks_of({&source.init_config, &source.instance});
  if (masks.empty()) {
    return;
  }
  const std::lock_guard lock(agent_state().mutex);
  AgentState::Masks& place = agent_state().masks[source.id];
  place.masks = std::move(masks);
  ++place.checks;
}

void forget_masks(const std::string& check_id) {
  const std::lock_guard lock(agent_state().mutex);
  const auto found = agent_state().masks.find(check_id);
  if (found != agent_state().masks.end() && --found->second.checks == 0) {
    agent_state().masks.erase(found);
  }
}

std::string masked(std::string text) {
  const std::lock_guard lock(agent_state().mutex);
  for (const auto& [id, of_check] : agent_state().masks) {
    text = config::masked(std::move(text), of_check.masks);
  }
  return text;
}

void keep_told(const std::string& check_id, const Telling& telling) {
  AgentState& state = agent_state();
  {
    const std::lock_guard lock(state.mutex);
    if (has_kept(state, check_id, telling) || std::exchange(state.said_that_told_is_full, true)) {
      return;
    }
  }
  state.services.log(base::LogLevel::warn,
                     "what checks tell beside what they measure is left out: it may be " +
                         std::to_string(told_here_bytes_max) + " bytes in all, a name " +
                         std::to_string(told_bytes_max) + "; the first is " +
                         base::beginning(telling.key, 100));
}

bool forget_issue(const std::string& id) {
  AgentState& state = agent_state();
  const std::lock_guard lock(state.mutex);
  auto& issues = state.told.issues;
  const auto found = std::find_if(issues.begin(), issues.end(), [&](const auto& issue) {
    return issue.first == id || issue.second.find('"' + id + '"') != std::string::npos;
  });
  if (found == issues.end()) {
    return false;
  }
  state.told_bytes -= entry_bytes + found->first.size() + found->second.size();
  issues.erase(found);
  return true;
}

void forget_metadata(const std::string& check_id) {
  AgentState& state = agent_state();
  const std::lock_guard lock(state.mutex);
  const auto found = state.told.metadata.find(check_id);
  if (found == state.told.metadata.end()) {
    return;
  }
  for (const auto& [name, text] : found->second) {
    state.told_bytes -= entry_bytes + name.size() + text.size();
  }
  state.told_bytes -= entry_bytes + check_id.size();
  state.told.metadata.erase(found);
}

}  // namespace heapwatch::check::python
