// processes: what runs on this machine, for the check `memory`.
//
// Pids come and go, and series of each would be ever new ones. What is watched is what they belong
// to: a container, a unit, or all processes of a name; it goes when the last of them has ended.
#include <array>
#include <map>
#include <utility>

#include "base/utf8.h"
#include "check/memory/config.h"
#include "check/memory/machine.h"
#include "discovery/endpoint.h"
#include "discovery/source.h"
#include "memory/process/group_names.h"

namespace heapwatch::discovery {

namespace {

using check::memory::Choice;

constexpr std::chrono::milliseconds process_refresh{15'000};

enum class By : std::uint8_t { service, unit, container, name };
constexpr std::array<std::pair<std::string_view, By>, 4> words_of_by{{{"service", By::service},
                                                                      {"systemd_unit", By::unit},
                                                                      {"container", By::container},
                                                                      {"process_name", By::name}}};

/// The control group in which a process is: of version 2, or of the memory of version 1.
std::string group_of(std::string_view cgroup_text) {
  std::string found;
  while (!cgroup_text.empty()) {
    const std::string_view line = cgroup_text.substr(0, cgroup_text.find('\n'));
    cgroup_text.remove_prefix(std::min(line.size() + 1, cgroup_text.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string_view kind = line.substr(first + 1, second - first - 1);
    if (kind == "memory" || (kind.empty() && found.empty())) {
      found = line.substr(second + 1);
    }
  }
  return found;
}

class ProcessSource final : public Source {
 public:
  ProcessSource(SourceOptions options, Choice choice, By by)
      : Source(std::move(options)), choice_(std::move(choice)), by_(by) {}

  base::Result<Answer> ask(const Groups& /*known*/) override {
    const auto pids = check::memory::choose(choice_, machine_, std::chrono::milliseconds{0});
    Answer answer;
    if (!pids) {
      if (pids.error().kind == base::ErrorKind::not_found) {
        return answer;  // there is none at the moment
      }
      return tl::unexpected(pids.error());
    }
    std::map<int, std::string> names;
    for (const auto& process : *machine_.processes(options().refresh_interval)) {
      names.emplace(process.pid, process.command);
    }
    std::map<std::pair<std::string, std::string>, Labels> found;  // by option and its value
    for (const int pid : *pids) {
      const auto name = names.find(pid);
      if (name != names.end()) {
        add(base::valid_utf8(name->second), machine_.cgroup_text(pid), found);
      }
    }
    if (auto checked = check_count(found.size(), options().limits); !checked) {
      return tl::unexpected(checked.error());
    }
    for (auto& [place, labels] : found) {
      labels[std::string(process_option_label)] = place.first;
      answer.groups.push_back({.addresses = {place.second}, .labels = std::move(labels)});
    }
    return answer;
  }

 private:
  /// The largest process comes first, and says what the labels are.
  void add(const std::string& name, const std::string& cgroup_text,
           std::map<std::pair<std::string, std::string>, Labels>& found) const {
    const auto groups = memory::process::names_of_groups(cgroup_text);
    const std::string group = group_of(cgroup_text);
    std::pair<std::string, std::string> place{"process_name", name};
    if ((by_ == By::service || by_ == By::container) && !groups.container.empty()) {
      place = {"cgroup", group};
    } else if ((by_ == By::service || by_ == By::unit) && !groups.unit.empty()) {
      place = {"systemd_unit", groups.unit};
    } else if (by_ == By::unit || by_ == By::container) {
      return;
    }
    if (place.second.empty() || place.second.size() > address_bytes_max ||
        base::valid_utf8(place.second) != place.second) {
      return;
    }
    Labels labels{{"__meta_process_name", name}};
    const auto set = [&](const char* label, const std::string& value) {
      if (!value.empty() && base::valid_utf8(value) == value) {
        labels[label] = value;
      }
    };
    set("__meta_process_unit", groups.unit);
    set("__meta_process_container_id", groups.container);
    set("__meta_process_pod_uid", groups.pod);
    set("__meta_process_cgroup", group);
    found.emplace(std::move(place), std::move(labels));
  }

  check::memory::LiveMachine machine_;
  Choice choice_;
  By by_;
};

}  // namespace

std::unique_ptr<Source> read_process_source(config::Section& section,
                                            const config::AgentConfig& agent) {
  (void)agent;
  const std::size_t errors_before = section.diagnostics().error_count();
  auto choice = check::memory::read_choice_of_processes(section);
  const By by = section.one_of<By>("by", words_of_by).value_or(By::service);
  SourceOptions options = read_common(
      section, {.refresh_interval = process_refresh, .must_be_allowed = false, .has_hosts = false});
  options.are_processes = true;
  if (section.diagnostics().error_count() != errors_before || !choice) {
    return nullptr;
  }
  options.name = "processes " + check::memory::shown(*choice);
  return std::make_unique<ProcessSource>(std::move(options), *std::move(choice), by);
}

}  // namespace heapwatch::discovery
