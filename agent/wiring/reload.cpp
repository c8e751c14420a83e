#include "agent/wiring/reload.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/counted.h"
#include "check/isolation/isolation_options.h"
#include "config/gathered.h"

namespace heapwatch::agent::wiring {

namespace {

using config::AgentConfig;
using config::CheckConfig;
using config::PackedCheckConfig;

bool takes_effect(std::string_view key) {
  const auto options = config::agent_options();
  return std::any_of(options.begin(), options.end(), [&](const config::AgentOption& option) {
    return option.live && option.key == key;
  });
}

/// Adds the options in which two sets of settings differ.
void differences(const config::Value& a, const config::Value& b, const std::string& prefix,
                 std::set<std::string>& names) {
  for (const config::Value::Member& member : a.members) {
    const config::Value* const other = b.find(member.key);
    const std::string name = prefix + member.key;
    const bool is_map = member.value.kind == config::Value::Kind::map;
    if (is_map && other != nullptr && other->kind == config::Value::Kind::map) {
      differences(member.value, *other, name + ".", names);
    } else if (other == nullptr || config::to_yaml(*other) != config::to_yaml(member.value)) {
      names.insert(name);
    }
  }
  for (const config::Value::Member& member : b.members) {
    if (a.find(member.key) == nullptr) {
      names.insert(prefix + member.key);
    }
  }
}

/// Whether instances of equal text come out the same.
bool same_for_checks(const AgentConfig& a, const AgentConfig& b) {
  return a.min_collection_interval == b.min_collection_interval && a.proxy == b.proxy &&
         a.shared_libraries == b.shared_libraries &&
         a.prometheus.memstats_names == b.prometheus.memstats_names;
}

/// Instances are many and a log line is read by a person.
constexpr std::size_t told_each_max = 20;

std::string named(const metrics::Instance& instance) {
  return instance.id + (instance.target.empty() ? "" : " (" + instance.target + ")");
}

class Planner {
 public:
  Planner(const GlobalOptions& options, const InForce& old, const RunningInstances& running)
      : options_(options), old_(old), running_(running) {}

  Reload plan() {
    plan_.in_force.started = old_.started;
    read_agent();
    read_files();
    for (PackedCheckConfig& file : files_) {
      take(std::move(file));
    }
    for (const auto& [id, instance] : running_) {
      if (!kept_.contains(id)) {
        plan_.stop.emplace_back(id);
      }
    }
    tell_changes();
    return std::move(plan_);
  }

 private:
  void tell(std::string sentence) { plan_.told.push_back(std::move(sentence)); }

  void read_agent() {
    config::AgentConfigFile read = load_agent(options_);
    plan_.diagnostics.append(read.diagnostics);
    if (read.diagnostics.has_errors()) {
      tell("heapwatch.yaml has an error: what it said before stays in force");
      plan_.in_force.agent = old_.agent;
      return;
    }
    std::set<std::string> changed;
    differences(old_.agent.settings, read.config.settings, {}, changed);
    std::set<std::string> other_than_at_start;
    differences(*old_.started, read.config.settings, {}, other_than_at_start);
    std::string restart;
    for (const std::string& name : changed) {
      if (!takes_effect(name) && other_than_at_start.contains(name)) {
        restart += (restart.empty() ? "" : ", ") + name;
      }
    }
    if (!restart.empty()) {
      tell("a restart is needed for what changed in heapwatch.yaml: " + restart);
    }
    plan_.in_force.agent = std::move(read.config);
    same_for_checks_ = same_for_checks(plan_.in_force.agent, old_.agent);
    plan_.all_anew = !same_for_checks_;
  }

  void read_files() {
    config::Confd confd = load_confd(plan_.in_force.agent);
    plan_.diagnostics.append(confd.diagnostics);
    files_ = std::move(confd.checks);
    const std::set<std::filesystem::path> failed(confd.failed.begin(), confd.failed.end());
    std::set<std::filesystem::path> there;
    for (const PackedCheckConfig& file : files_) {
      there.insert(file.file);
    }
    for (const PackedCheckConfig& old : old_.checks) {
      before_.emplace(old.file, &old);
      const std::filesystem::path folder = old.file.parent_path();
      const bool has_failed = failed.contains(old.file) || failed.contains(folder) ||
                              failed.contains(folder.parent_path());
      if (has_failed && !there.contains(old.file)) {
        tell_kept(old);
        files_.push_back(old);
      }
    }
    std::stable_sort(files_.begin(), files_.end(),
                     [](const auto& a, const auto& b) { return a.file < b.file; });
  }

  void tell_kept(const PackedCheckConfig& old) {
    tell(old.file.string() + " has an error: its " + base::counted(old.instances, "instance") +
         " from before " + (old.instances == 1 ? "stays" : "stay"));
  }

  /// Makes what is new in a file, or falls back to what the file said before.
  void take(PackedCheckConfig packed) {
    const auto before = before_.find(packed.file);
    CheckConfig file = packed.unpack();
    config::Diagnostics found;
    Made made = make(file, found);
    config::gather(found, plan_.diagnostics);
    if (found.has_errors() && before != before_.end()) {
      tell_kept(*before->second);
      packed = *before->second;
      file = packed.unpack();
      config::Diagnostics told_already;
      made = make(file, told_already);
    }
    std::vector<std::string> ids;
    for (const config::Value& instance : file.instances) {
      if (is_running(file, instance) && kept_.insert(config::check_id(file, instance)).second) {
        ++plan_.unchanged;
      }
    }
    std::move(made.templates.begin(), made.templates.end(), std::back_inserter(plan_.templates));
    for (auto& check : made.checks) {
      if (started_.insert(check->instance->id).second && !kept_.contains(check->instance->id)) {
        plan_.start.push_back(std::move(check));
      }
    }
    plan_.in_force.checks.push_back(std::move(packed));
  }

  [[nodiscard]] bool is_running(const CheckConfig& file, const config::Value& instance) const {
    const auto found = running_.find(config::check_id(file, instance));
    return found != running_.end() && same_for_checks_ &&
           found->second.fingerprint == config::check_fingerprint(file, instance) &&
           isolated(file, instance, plan_.in_force.agent) == isolated(file, instance, old_.agent);
  }

  /// Native checks run in the agent whatever is said.
  [[nodiscard]] static bool isolated(const CheckConfig& file, const config::Value& instance,
                                     const AgentConfig& agent) {
    const auto natives = check::check_names();
    config::Diagnostics told_elsewhere;
    return std::find(natives.begin(), natives.end(), file.check_name) == natives.end() &&
           check::isolation::read_isolation({file, instance, agent}, told_elsewhere).has_value();
  }

  struct Made {
    std::vector<std::unique_ptr<check::ConfiguredCheck>> checks;
    std::vector<discovery::Template> templates;
  };

  [[nodiscard]] Made make(const CheckConfig& file, config::Diagnostics& diagnostics) const {
    Made made;
    for (const config::Value& instance : file.instances) {
      const check::InstanceSource source{file, instance, plan_.in_force.agent};
      if (discovery::is_template(instance)) {
        if (auto one = make_template(source, diagnostics)) {
          made.templates.push_back(*std::move(one));
        }
      } else if (!is_running(file, instance)) {
        if (auto check = make_check(source, diagnostics)) {
          made.checks.push_back(std::move(check));
        }
      }
    }
    return made;
  }

  /// A new instance in place of an old one of the same file is a change: of the same target, or,
  /// where a check has none, of the same check.
  void tell_changes() {
    std::map<std::string, const metrics::Instance*> removed;  // by id
    std::multimap<std::string, std::string> ids;              // of those, by place and target
    const auto place = [](const metrics::Instance& instance) {
      return instance.source + '\n' + instance.target + '\n' + instance.check_name;
    };
    for (const std::string& id : plan_.stop) {
      const metrics::Instance& instance = *running_.at(id).instance;
      removed.emplace(id, &instance);
      ids.emplace(place(instance), id);
    }
    std::vector<std::string> added;
    std::vector<std::string> changed;
    for (const auto& check : plan_.start) {
      const metrics::Instance& now = *check->instance;
      auto predecessor = removed.find(now.id);
      for (auto at = ids.lower_bound(place(now));
           predecessor == removed.end() && at != ids.end() && at->first == place(now);
           at = ids.erase(at)) {
        predecessor = removed.find(at->second);
      }
      if (predecessor == removed.end()) {
        added.push_back(named(now));
      } else {
        changed.push_back(named(now));
        removed.erase(predecessor);
      }
    }
    std::vector<std::string> gone;
    gone.reserve(removed.size());
    for (const auto& [id, instance] : removed) {
      gone.push_back(named(*instance));
    }
    tell_list("added", added);
    tell_list("changed", changed);
    tell_list("removed", gone);
  }

  void tell_list(const char* what, const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < std::min(names.size(), told_each_max); ++i) {
      tell(std::string(what) + " " + names[i]);
    }
    if (names.size() > told_each_max) {
      tell(std::string(what) + " " + std::to_string(names.size() - told_each_max) + " more");
    }
  }

  const GlobalOptions& options_;
  const InForce& old_;
  const RunningInstances& running_;
  Reload plan_;
  std::vector<PackedCheckConfig> files_;
  std::map<std::filesystem::path, const PackedCheckConfig*> before_;  // those of old_
  bool same_for_checks_ = true;
  std::set<std::string, std::less<>> kept_;
  std::set<std::string> started_;
};

}  // namespace

Reload plan_reload(const GlobalOptions& options, const InForce& old,
                   const RunningInstances& running) {
  return Planner(options, old, running).plan();
}

}  // namespace heapwatch::agent::wiring
