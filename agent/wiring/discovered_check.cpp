#include "agent/wiring/discovered_check.h"

#include <chrono>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

#include "agent/wiring/discovered.h"

namespace heapwatch::agent::wiring {

using discovery::Chosen;

discovery::WatchOptions discovery_options(const config::AgentConfig& agent,
                                          const discovery::Template& from, bool keeps) {
  return {.kept_folder = lists_folder(agent), .keeps = keeps, .remembers = from.member_sources};
}

std::filesystem::path lists_folder(const config::AgentConfig& agent) {
  return agent.run_path / "discovery";
}

std::unique_ptr<check::ConfiguredCheck> make_discovered(const discovery::Template& from,
                                                        const Chosen& chosen,
                                                        const config::Value& instance,
                                                        const config::AgentConfig& agent,
                                                        std::string& why) {
  config::Diagnostics diagnostics;
  auto check = make_check({from.file, instance, agent}, diagnostics);
  if (!check) {
    why = chosen.endpoint.host + ": " +
          (diagnostics.all().empty() ? "no check" : diagnostics.all().front().message);
  }
  return check;
}

std::vector<std::string> tags_of_discovered(const discovery::Template& from, const Chosen& chosen) {
  std::vector<std::string> tags;
  if (const config::Value* const own = from.instance.find("tags")) {
    for (const config::Value& tag : own->items) {
      if (tag.kind == config::Value::Kind::scalar && tag.secret_handle.empty()) {
        tags.push_back(tag.text);
      }
    }
  }
  tags.insert(tags.end(), chosen.endpoint.tags.begin(), chosen.endpoint.tags.end());
  for (const config::Value* const options : {&from.instance, &from.file.init_config}) {
    const config::Value* const service = options->find("service");
    if (service != nullptr && service->secret_handle.empty()) {
      tags.push_back("service:" + service->text);
      break;
    }
  }
  return tags;
}

std::vector<DiscoveryState> discover_now(Configured& configured) {
  std::vector<DiscoveryState> states;
  std::unordered_set<std::string> ids;
  for (const auto& check : configured.checks) {
    ids.insert(check->instance->id);
  }
  for (discovery::Template& from : configured.templates) {
    discovery::Watch watch(std::move(from.sources),
                           discovery_options(configured.agent, from, false));
    watch.ask_once();
    const auto lists = watch.lists();
    const std::span all(lists);
    std::optional<discovery::Sharing> sharing;
    discovery::Share share;
    if (from.shard) {
      from.shard->hand_over = {};  // what it comes to is asked for
      sharing.emplace(*from.shard, discovery::names_of_this_machine());
      sharing->update(all.last(from.member_sources), std::chrono::steady_clock::now());
      share.is_own = [&](std::string_view url) { return sharing->is_own(url); };
    }
    discovery::Selection selection =
        discovery::select(from, all.first(all.size() - from.member_sources), share);
    DiscoveryState& state = states.emplace_back();
    state.check_name = from.file.check_name;
    state.name = from.name;
    state.dropped = selection.dropped;
    state.refused = selection.refused;
    state.elsewhere = selection.elsewhere;
    state.share = sharing ? sharing->shown() : std::string();
    state.refusals = std::move(selection.refusals);
    state.sources = watch.states();
    for (const Chosen& chosen : selection.chosen) {
      std::string why;
      const config::Value instance = discovery::instance_of(from, chosen);
      auto check = make_discovered(from, chosen, instance, configured.agent, why);
      if (check && ids.insert(check->instance->id).second) {
        ++state.instances;
        configured.checks.push_back(std::move(check));
      } else if (!check) {
        ++state.refused;
        state.refusals.push_back(std::move(why));
      }
    }
  }
  return states;
}

}  // namespace heapwatch::agent::wiring
