// Goroutines grouped by equal stacks, for finding those that pile up.
#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/printable.h"
#include "pprof/report/report.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

constexpr std::string_view separator =
    "-----------+-------------------------------------------------------\n";
constexpr std::string_view indent = "             ";

/// Goroutines that stand at the same place and were made at the same place.
struct Group {
  std::vector<std::string> stack;  // the innermost call first
  std::string created_by;
  std::string created_at;
  std::int64_t count = 0;
  std::map<std::string, std::int64_t> states;
  std::map<std::string, std::int64_t> labels;  // pprof's own labels of goroutines, `key:value`
  bool has_waited = false;
  std::int64_t wait_min_s = 0;
  std::int64_t wait_max_s = 0;

  void add_wait(std::int64_t seconds) {
    wait_min_s = has_waited ? std::min(wait_min_s, seconds) : seconds;
    wait_max_s = has_waited ? std::max(wait_max_s, seconds) : seconds;
    has_waited = true;
  }
};

class Grouper {
 public:
  explicit Grouper(const Report& report) : report_(report), builder_(report.profile, {}) {}

  std::vector<Group> run() {
    const Profile& profile = report_.profile;
    for (const NodeInfo& info : builder_.infos()) {
      names_.push_back(printable_name(info, profile.strings));
    }
    for (std::size_t i = 0; i < profile.samples.size(); ++i) {
      add(i);
    }
    std::stable_sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) {
      if (a.count != b.count) {
        return a.count > b.count;
      }
      if (a.wait_max_s != b.wait_max_s) {
        return a.wait_max_s > b.wait_max_s;
      }
      return a.stack < b.stack;
    });
    return std::move(groups_);
  }

 private:
  using Key = std::pair<std::vector<std::uint32_t>, std::pair<StringId, StringId>>;

  void add(std::size_t sample) {
    const Profile& profile = report_.profile;
    const std::int64_t count = report_.value.of(profile.samples.values(sample)).value();
    if (count == 0) {
      return;
    }
    Key key;
    for (const std::uint32_t frame : profile.samples.frames(sample)) {
      const auto nodes = builder_.nodes_of(frame);
      key.first.insert(key.first.end(), nodes.begin(), nodes.end());
    }
    for (const Label& label : profile.samples.labels(sample)) {
      if (label.is_number) {
        continue;
      }
      if (profile.text(label.key) == "created by") {
        key.second.first = label.text;
      }
      if (profile.text(label.key) == "created at") {
        key.second.second = label.text;
      }
    }
    const auto [at, is_new] = positions_.try_emplace(key, groups_.size());
    if (is_new) {
      Group& group = groups_.emplace_back();
      for (const std::uint32_t node : key.first) {
        group.stack.push_back(names_[node]);
      }
      group.created_by = profile.text(key.second.first);
      group.created_at = profile.text(key.second.second);
    }
    add_to(groups_[at->second], sample, count);
  }

  void add_to(Group& group, std::size_t sample, std::int64_t count) {
    const Profile& profile = report_.profile;
    group.count = wrapping_add(group.count, count);
    for (const Label& label : profile.samples.labels(sample)) {
      const std::string key(profile.text(label.key));
      if (key == "wait" && label.is_number) {
        group.add_wait(label.number);
      } else if (key == "state") {
        std::int64_t& sum = group.states[std::string(profile.text(label.text))];
        sum = wrapping_add(sum, count);
      } else if (!label.is_number && key != "created by" && key != "created at") {
        std::int64_t& sum = group.labels[key + ":" + std::string(profile.text(label.text))];
        sum = wrapping_add(sum, count);
      }
    }
  }

  const Report& report_;
  GraphBuilder builder_;
  std::vector<std::string> names_;
  std::vector<Group> groups_;
  std::map<Key, std::size_t> positions_;
};

/// `chan receive`, or with several `chan receive (3), select (1)`.
std::string counted(const std::map<std::string, std::int64_t>& counts, std::int64_t all) {
  std::string out;
  for (const auto& [name, count] : counts) {
    out += (out.empty() ? "" : ", ") + name;
    if (count != all) {
      out += " (" + std::to_string(count) + ")";
    }
  }
  return out;
}

std::string wait_text(const Group& group) {
  const auto text = [](std::int64_t seconds) { return scaled_label(seconds, "s", "auto"); };
  if (!group.has_waited) {
    return "";
  }
  if (group.wait_min_s == group.wait_max_s) {
    return "waiting for " + text(group.wait_max_s);
  }
  return "waiting for " + text(group.wait_min_s) + " to " + text(group.wait_max_s);
}

std::string text_of(const Report& report, const std::vector<Group>& groups) {
  std::string out;
  for (const std::string& label : profile_labels(report)) {
    out += base::printable(label) + "\n";
  }
  std::int64_t all = 0;
  for (const Group& group : groups) {
    all = wrapping_add(all, group.count);
  }
  out += std::to_string(all) + " goroutines in " + std::to_string(groups.size()) + " groups\n";
  for (const Group& group : groups) {
    out += separator;
    std::string what = counted(group.states, group.count);
    const std::string wait = wait_text(group);
    if (!wait.empty()) {
      what += (what.empty() ? "" : ", ") + wait;
    }
    std::string count = right_aligned(std::to_string(group.count), 10) + "   ";
    const auto append = [&](const std::string& line) {
      out += count.empty() ? std::string(indent) : count;
      count.clear();
      out += base::printable(line) + "\n";
    };
    if (!what.empty()) {
      append("[" + what + "]");
    }
    for (const std::string& frame : group.stack) {
      append(frame);
    }
    if (!group.created_by.empty()) {
      append("created by " + group.created_by +
             (group.created_at.empty() ? "" : " " + group.created_at));
    }
    if (!group.labels.empty()) {
      append("labels " + counted(group.labels, group.count));
    }
    if (!count.empty()) {
      append("(no frames)");
    }
  }
  return out + std::string(separator);
}

std::string json_of(const std::vector<Group>& groups) {
  std::string out;
  base::JsonWriter json(out, {.escapes = base::JsonEscapes::script});
  std::int64_t all = 0;
  for (const Group& group : groups) {
    all = wrapping_add(all, group.count);
  }
  const auto counts = [&](std::string_view name, const std::map<std::string, std::int64_t>& each) {
    json.key(name);
    json.begin_object();
    for (const auto& [key, count] : each) {
      json.member(key, count);
    }
    json.end_object();
  };
  json.begin_object();
  json.member("goroutines", all);
  json.key("groups");
  json.begin_array();
  for (const Group& group : groups) {
    json.begin_object();
    json.member("count", group.count);
    counts("states", group.states);
    if (group.has_waited) {
      json.member("wait_min_seconds", group.wait_min_s);
      json.member("wait_max_seconds", group.wait_max_s);
    }
    json.member("created_by", group.created_by);
    json.member("created_at", group.created_at);
    counts("labels", group.labels);
    json.member("stack", group.stack);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out + "\n";
}

}  // namespace

ReportText goroutines_report(Report& report, Encoding encoding) {
  if (report.type != "goroutine") {
    return base::fail(base::ErrorKind::invalid,
                      "the profile tells of no goroutines: its type is " + report.type);
  }
  const std::vector<Group> groups = Grouper(report).run();
  return encoding == Encoding::json ? json_of(groups) : text_of(report, groups);
}

}  // namespace heapwatch::pprof
