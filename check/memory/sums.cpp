#include "check/memory/sums.h"

#include <algorithm>
#include <array>

namespace heapwatch::check::memory {

namespace {

using heapwatch::memory::name_of;
using heapwatch::memory::Space;
using heapwatch::memory::State;

/// What is said of each metric on a page for people; docs/metrics.csv says more.
struct Described {
  std::string_view name;
  const char* help;
};
constexpr std::array described{
    Described{"process.memory.goroutines", "Goroutines with the runtime's own, as last seen"},
    Described{"process.memory.objects", "Live objects of all types, by space, as last seen"},
    Described{"process.memory.resident", "Resident bytes by space, owner and state, as last seen"},
    Described{"process.memory.unexplained", "Resident bytes that no reader knows, as last seen"},
    Described{"process.memory.uncertainty", "How far the readings of RSS lay apart"},
    Described{"process.memory.live_blocks", "Blocks in use, by space and owner, as last seen"},
    Described{"process.memory.type.bytes", "Bytes of live objects by type, as last seen"},
    Described{"process.memory.type.objects", "Live objects by type, as last seen"},
    Described{"process.memory.rss", "Resident memory"},
    Described{"process.memory.pss", "Resident memory, shared pages divided, as last seen"},
    Described{"process.memory.swap", "Swapped memory"},
    Described{"process.memory.threads", "Threads"},
    Described{"process.memory.processes", "Processes that were found"},
    Described{"process.memory.cgroup.usage", "Memory charged to the control group"},
    Described{"process.memory.cgroup.working_set", "That without file pages not used lately"},
    Described{"process.memory.cgroup.limit", "The memory limit of the control group"},
    Described{"process.memory.leak.verdict",
              "Whether it leaks: 0 steady, 1 retention, 2 follows the load, 3 still filling, 4 "
              "cannot tell, 5 leak"},
    Described{"process.memory.leak.rate", "Bytes a second by which it leaks, by space"},
    Described{"process.memory.walk.cpu", "CPU seconds of the last look at each process, in all"},
    Described{"process.memory.walk.interval", "The longest time between two looks at a process"},
};

const char* help_of(std::string_view name) {
  const auto* const found =
      std::find_if(described.begin(), described.end(),
                   [name](const Described& metric) { return metric.name == name; });
  return found == described.end() ? "" : found->help;
}

metrics::Tags with(const metrics::Tags& tags, std::initializer_list<std::string> more) {
  metrics::Tags all = tags;
  all.insert(all.end(), more);
  return all;
}

/// A look of a process that was not looked at yet: all it has is of unknown kind, and not
/// unexplained.
constexpr const char* not_looked_at = "not looked at yet";

void add_blocks(std::optional<std::uint64_t>& sum, const std::optional<std::uint64_t>& more) {
  if (more) {
    sum = sum.value_or(0) + *more;
  }
}

}  // namespace

Looked kept_of(const Survey& survey) {
  Looked looked{.pss = survey.pss,
                .uncertainty = survey.rss_uncertainty,
                .has_pss = survey.pss > 0 || survey.rss == 0};
  std::map<std::tuple<Space, std::string, State>, Looked::Row> rows;
  for (const heapwatch::memory::Row& row : survey.rows) {
    const bool is_known = row.space != Space::unexplained;
    Looked::Row& kept = rows[{row.space, row.owner, row.state}];
    kept.space = name_of(row.space);
    kept.owner = is_known && !row.owner.empty() ? row.owner : "unknown";
    kept.state = name_of(row.state);
    kept.bytes += row.bytes;
    add_blocks(kept.blocks, row.blocks);
    looked.unexplained += is_known ? 0 : row.bytes;
  }
  for (auto& [key, row] : rows) {
    looked.rows.push_back(std::move(row));
  }
  std::stable_sort(looked.rows.begin(), looked.rows.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  while (looked.rows.size() > rows_max) {
    Looked::Row& rest = looked.rows[rows_max - 1];
    rest = {.space = "other",
            .owner = "smaller owners",
            .state = "mapped",
            .bytes = rest.bytes + looked.rows.back().bytes};
    looked.rows.pop_back();
  }
  for (const heapwatch::memory::AllocatorReport& report : survey.allocators) {
    add_blocks(looked.goroutines, report.goroutines);
  }
  for (const heapwatch::memory::TypeCount& type : survey.types) {
    looked.objects[std::string(name_of(type.space))] += type.objects;
    looked.types.push_back({std::string(name_of(type.space)), type.name, type.objects, type.bytes});
  }
  std::stable_sort(looked.types.begin(), looked.types.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  looked.types.resize(std::min(looked.types.size(), types_max));
  return looked;
}

void Destination::submit(std::string_view name, base::Number value,
                         const metrics::Tags& more) const {
  if (!allows_(name)) {
    return;
  }
  metrics::Tags all = tags_;
  all.insert(all.end(), more.begin(), more.end());
  const metrics::Context context = metrics::make_context(
      {.name = std::string(name), .tags = std::move(all), .host = host_, .help = help_of(name)});
  sink_.submit({.context = context, .type = metrics::MetricType::gauge, .value = value});
}

void Sums::add(const metrics::Tags& tags, const Facts& facts, const Looked* looked,
               const std::optional<Cgroup>& cgroup) {
  Sum& sum = sums_[tags];
  ++sum.processes;
  sum.rss += facts.vm_rss;
  sum.swap += facts.vm_swap;
  sum.threads += facts.threads;
  if (cgroup) {
    sum.groups.emplace(cgroup->path, *cgroup);
  }
  if (looked == nullptr) {
    sum.rows[{"other", not_looked_at, "mapped"}].bytes += facts.vm_rss;
    return;
  }
  ++sum.looked;
  sum.unexplained += looked->unexplained;
  sum.uncertainty += looked->uncertainty;
  sum.pss += looked->pss;
  sum.with_pss += looked->has_pss ? 1 : 0;
  add_blocks(sum.goroutines, looked->goroutines);
  for (const Looked::Row& row : looked->rows) {
    Amount& amount = sum.rows[{row.space, row.owner, row.state}];
    amount.bytes += row.bytes;
    add_blocks(amount.blocks, row.blocks);
  }
  for (const auto& [space, objects] : looked->objects) {
    sum.objects[space] += objects;
  }
  for (const Looked::Type& type : looked->types) {
    Objects& objects = sum.types[{type.space, type.name}];
    objects.objects += type.objects;
    objects.bytes += type.bytes;
  }
}

void Sums::submit(const Destination& to) const {
  for (const auto& [tags, sum] : sums_) {
    submit(sum, tags, to);
    submit_rows(sum, tags, to);
    submit_types(sum, tags, to);
    submit_groups(sum, tags, to);
  }
}

void Sums::submit(const Sum& sum, const metrics::Tags& tags, const Destination& to) {
  to.gauge("process.memory.processes", sum.processes, tags);
  to.gauge("process.memory.rss", sum.rss, tags);
  to.gauge("process.memory.swap", sum.swap, tags);
  to.gauge("process.memory.threads", sum.threads, tags);
  if (sum.looked > 0) {
    to.gauge("process.memory.unexplained", sum.unexplained, tags);
    to.gauge("process.memory.uncertainty", sum.uncertainty, tags);
  }
  if (sum.goroutines) {
    to.gauge("process.memory.goroutines", *sum.goroutines, tags);
  }
  // A sum that lacks some of the processes would fall and rise with them.
  if (sum.with_pss == sum.processes) {
    to.gauge("process.memory.pss", sum.pss, tags);
  }
}

void Sums::submit_rows(const Sum& sum, const metrics::Tags& tags, const Destination& to) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> live;
  for (const auto& [key, amount] : sum.rows) {
    const auto& [space, owner, state] = key;
    to.gauge("process.memory.resident", amount.bytes,
             with(tags, {"space:" + space, "owner:" + owner, "state:" + state}));
    if (state == name_of(State::live) && amount.blocks) {
      live[{space, owner}] += *amount.blocks;
    }
  }
  for (const auto& [key, blocks] : live) {
    to.gauge("process.memory.live_blocks", blocks,
             with(tags, {"space:" + key.first, "owner:" + key.second}));
  }
}

void Sums::submit_types(const Sum& sum, const metrics::Tags& tags, const Destination& to) {
  using Type = std::pair<std::pair<std::string, std::string>, Objects>;
  std::vector<Type> types(sum.types.begin(), sum.types.end());
  std::stable_sort(types.begin(), types.end(),
                   [](const Type& a, const Type& b) { return a.second.bytes > b.second.bytes; });
  types.resize(std::min(types.size(), types_max));
  for (const auto& [space, objects] : sum.objects) {
    to.gauge("process.memory.objects", objects, with(tags, {"space:" + space}));
  }
  for (const auto& [key, objects] : types) {
    const metrics::Tags of_type = with(tags, {"space:" + key.first, "type:" + key.second});
    to.gauge("process.memory.type.bytes", objects.bytes, of_type);
    to.gauge("process.memory.type.objects", objects.objects, of_type);
  }
}

/// A group counts once, however many of its processes are watched.
void Sums::submit_groups(const Sum& sum, const metrics::Tags& tags, const Destination& to) {
  if (sum.groups.empty()) {
    return;
  }
  std::uint64_t usage = 0;
  std::uint64_t working_set = 0;
  std::uint64_t limit = 0;
  bool all_limited = true;
  for (const auto& [path, group] : sum.groups) {
    usage += group.current_bytes;
    working_set += group.working_set_bytes;
    limit += group.limit_bytes.value_or(0);
    all_limited = all_limited && group.limit_bytes.has_value();
  }
  to.gauge("process.memory.cgroup.usage", usage, tags);
  to.gauge("process.memory.cgroup.working_set", working_set, tags);
  if (all_limited) {
    to.gauge("process.memory.cgroup.limit", limit, tags);
  }
}

}  // namespace heapwatch::check::memory
