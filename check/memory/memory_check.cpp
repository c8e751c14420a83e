#include "check/memory/memory_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/counted.h"
#include "check/memory/service_tags.h"
#include "memory/go_counters.h"

namespace heapwatch::check::memory {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::size_t warnings_max = 10;
constexpr milliseconds list_age_max{10'000};
/// So long others let an instance go first that the budget has held back.
constexpr milliseconds patience{30'000};

void warn(RunReport& report, std::string text) {
  if (report.warnings.size() < warnings_max) {
    report.warnings.push_back(std::move(text));
  }
}

std::string named(const Facts& facts) {
  return "process " + std::to_string(facts.pid) + " (" + facts.command + ")";
}

double seconds_of(nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// "31", "1.5": with one digit after the point where that says something.
std::string short_number(double value) {
  constexpr double tenths = 10;
  const auto rounded = static_cast<std::uint64_t>(std::llround(value * tenths));
  const std::string whole = std::to_string(rounded / 10);
  return rounded % 10 == 0 || rounded >= 1000 ? whole : whole + "." + std::to_string(rounded % 10);
}

/// What kept a look from all of the memory; empty when nothing did.
std::string trouble_of(const Survey& survey) {
  for (const auto& missing : survey.missing) {
    if (missing.what == "its mappings" || missing.what == "its memory") {
      return missing.what + " cannot be read: " + missing.why + "; run heapwatch as root";
    }
    if (missing.what == heapwatch::memory::not_in_time) {
      return missing.what + ": " + missing.why + "; give the option timeout more seconds";
    }
  }
  return {};
}

}  // namespace

MemoryCheck::MemoryCheck(MemoryConfig config, std::shared_ptr<Machine> machine)
    : config_(std::move(config)), machine_(std::move(machine)), profiles_(config_.profiles) {
  if (config_.attach) {
    attachments_.emplace("/proc/self/exe");
  }
}

MemoryCheck::~MemoryCheck() {
  machine_->budget().withdraw(this);
  machine_->board().withdraw(this);
  machine_->sightings().withdraw(this);
}

base::Result<RunReport> MemoryCheck::run(metrics::SampleSink& sink) {
  RunReport report;
  groups_.clear();
  const Destination to(sink, config_.tags, config_.host, config_.allows);
  const auto pids = chosen();
  if (pids) {
    take_in(*pids, report);
    attach(report);
    look_at_those_due(report);
  } else {
    watched_.clear();
    machine_->board().withdraw(this);
    machine_->sightings().withdraw(this);
  }
  const bool may_be_none = config_.choice.kind == ChoiceKind::exec;
  if (watched_.empty()) {
    to.gauge("process.memory.processes", std::uint64_t{0}, {"target:" + config_.target});
  }
  if (watched_.empty() && !may_be_none) {
    const std::string failure =
        pids ? config_.target + ": every process has ended" : pids.error().message;
    submit_can_read(sink, failure);
    return base::fail(pids ? base::ErrorKind::not_found : pids.error().kind, failure);
  }
  submit(to, report);
  submit_leaks(to, sink, report);
  tell_sightings();
  submit_walks(to, report);
  submit_can_read(sink, "");
  return report;
}

base::Result<std::vector<int>> MemoryCheck::chosen() {
  const bool is_port = config_.choice.kind == ChoiceKind::port;
  const Moment now = machine_->now();
  if (is_port && !listeners_.empty() && now - listeners_at_ < config_.walk_interval &&
      std::all_of(listeners_.begin(), listeners_.end(), [this](int pid) {
        const auto known = watched_.find(pid);
        const auto facts = machine_->facts(pid);
        return known != watched_.end() && facts &&
               facts->start_ticks == known->second.facts.start_ticks;
      })) {
    return listeners_;
  }
  auto pids = choose(config_.choice, *machine_, std::min(list_age_max, config_.interval / 2));
  listeners_ = is_port ? pids.value_or(std::vector<int>()) : std::vector<int>();
  listeners_at_ = now;
  return pids;
}

/// What each process is by now; those that are no longer chosen are forgotten.
void MemoryCheck::take_in(const std::vector<int>& pids, RunReport& report) {
  std::map<int, Watched> before = std::exchange(watched_, {});
  std::size_t too_many = 0;
  for (const int pid : pids) {
    if (watched_.size() >= config_.processes_max) {
      ++too_many;
      continue;
    }
    const auto known = before.find(pid);
    auto facts = machine_->facts(pid);
    if (!facts) {
      if (known != before.end()) {
        warn(report, named(known->second.facts) + " has ended");
      } else if (config_.choice.kind == ChoiceKind::pid_file) {
        warn(report, config_.choice.text + ": there is no process " + std::to_string(pid));
      }
      continue;
    }
    Watched watched;
    if (known != before.end() && known->second.facts.start_ticks == facts->start_ticks) {
      watched = std::move(known->second);
      watched.is_done = false;
    }
    if (watched.is_new && watched.since == Moment()) {
      watched.since = machine_->now();
    }
    watched.facts = *std::move(facts);
    watched_.emplace(pid, std::move(watched));
  }
  if (too_many > 0) {
    warn(report, config_.target + " is " + std::to_string(pids.size()) + " processes, and the " +
                     base::counted(config_.processes_max, "largest is", "largest are") +
                     " watched; the option max_processes says how many may be");
  }
}

void MemoryCheck::attach(RunReport& report) {
  if (!attachments_) {
    return;
  }
  std::vector<Facts> all;
  all.reserve(watched_.size());
  for (const auto& [pid, watched] : watched_) {
    all.push_back(watched.facts);
  }
  for (std::string& trouble : attachments_->keep(all, machine_->now())) {
    warn(report, std::move(trouble));
  }
}

/// The process whose look is due and that has waited longest; null when there is none.
MemoryCheck::Watched* MemoryCheck::next_due() {
  const Moment now = machine_->now();
  Watched* next = nullptr;
  for (auto& [pid, watched] : watched_) {
    // Runs do not come to the millisecond.
    const bool is_due =
        watched.is_new || now - watched.looked_at >= config_.walk_interval - config_.interval / 2;
    if (!is_due || watched.is_done) {
      continue;
    }
    const bool is_before = next == nullptr || (watched.is_new && !next->is_new) ||
                           (watched.is_new == next->is_new && watched.looked_at < next->looked_at);
    next = is_before ? &watched : next;
  }
  return next;
}

bool MemoryCheck::may_look(const Watched& watched) {
  return machine_->budget().allows(
      {.who = this,
       .share = config_.cpu_budget,
       .most = std::chrono::duration_cast<nanoseconds>(config_.walk_interval * config_.cpu_budget),
       .now = machine_->now(),
       .waits_since = watched.is_new ? watched.since : watched.looked_at + config_.walk_interval,
       .again = std::min<nanoseconds>(2 * config_.interval, patience)});
}

void MemoryCheck::look_at_those_due(RunReport& report) {
  const Moment until = machine_->now() + config_.timeout;
  for (;;) {
    Watched* const watched = next_due();
    held_back_ = watched != nullptr && !may_look(*watched);
    if (watched == nullptr) {
      machine_->budget().withdraw(this);
      machine_->board().withdraw(this);
    }
    if (watched == nullptr || held_back_ || machine_->now() >= until) {
      return;
    }
    if (!look_at(*watched, until)) {
      warn(report, named(watched->facts) + " has ended while it was looked at");
      watched_.erase(watched->facts.pid);
    }
  }
}

bool MemoryCheck::look_at(Watched& watched, Moment until) {
  const Moment now = machine_->now();
  const nanoseconds before = machine_->cpu();
  auto survey = machine_->look(watched.facts.pid, config_.types, until);
  watched.cost = machine_->cpu() - before;
  machine_->budget().spend(watched.cost);
  watched.is_done = true;
  if (!survey && survey.error().kind == base::ErrorKind::not_found) {
    return false;
  }
  if (!watched.is_new) {
    watched.gap = now - watched.looked_at;
  }
  watched.is_new = false;
  watched.looked_at = now;
  if (!survey) {
    watched.trouble = survey.error().message;
    return true;
  }
  watched.trouble = trouble_of(*survey);
  ask_the_program(*survey, watched.trouble);
  watched.looked = kept_of(*survey);
  ++watched.looks;
  judge(watched, *survey);
  return true;
}

/// Where Go's heap could not be walked, its program tells how it is split.
void MemoryCheck::ask_the_program(Survey& survey, std::string& trouble) const {
  if (!config_.page || heapwatch::memory::is_go_walked(survey)) {
    return;
  }
  const auto counters =
      machine_->page(*config_.page).and_then(heapwatch::memory::parse_go_counters);
  if (counters) {
    heapwatch::memory::add_go_counters(survey, *counters);
    return;
  }
  trouble += (trouble.empty() ? "" : "; ") + std::string("its expvars cannot be read: ") +
             counters.error().message;
}

const std::optional<Cgroup>& MemoryCheck::group_of(const Watched& watched) {
  const std::string& text = watched.facts.cgroup;
  auto group = groups_.find(text);
  if (group == groups_.end()) {
    group = groups_.emplace(text, machine_->cgroup(text, config_.cgroup_root)).first;
  }
  return group->second;
}

void MemoryCheck::submit(const Destination& to, RunReport& report) {
  Sums sums;
  for (const auto& [pid, watched] : watched_) {
    sums.add(tags_of(watched), watched.facts, watched.looked ? &*watched.looked : nullptr,
             group_of(watched));
    if (!watched.trouble.empty()) {
      warn(report, named(watched.facts) + ": " + watched.trouble);
    }
  }
  sums.submit(to);
}

/// What looks cost, and how far apart they are. Said once when the budget holds them back.
void MemoryCheck::submit_walks(const Destination& to, RunReport& report) {
  const Moment now = machine_->now();
  nanoseconds cost{0};
  nanoseconds longest{0};
  for (const auto& [pid, watched] : watched_) {
    cost += watched.cost;
    if (!watched.is_new) {
      longest = std::max<nanoseconds>({longest, watched.gap, now - watched.looked_at});
    }
  }
  const nanoseconds apart = std::max<nanoseconds>(longest, config_.walk_interval);
  const metrics::Tags tags{"target:" + config_.target};
  to.gauge("process.memory.walk.cpu", seconds_of(cost), tags);
  to.gauge("process.memory.walk.interval", seconds_of(apart), tags);
  const bool is_over = held_back_ && apart > config_.walk_interval + 2 * config_.interval;
  if (is_over && !over_budget_) {
    constexpr double percent = 100;
    constexpr double milli = 1000;
    warn(report, "looks at the memory of " +
                     base::counted(watched_.size(), "process", "processes") + " take " +
                     short_number(seconds_of(cost) * milli) + " ms of CPU, and the budget is " +
                     short_number(config_.cpu_budget * percent) + " % of a core: they come every " +
                     short_number(seconds_of(apart)) + " s, not every " +
                     short_number(seconds_of(config_.walk_interval)) +
                     " s; the options cpu_budget and walk_interval say otherwise");
  }
  over_budget_ = is_over || (over_budget_ && apart > config_.walk_interval + config_.interval);
}

/// CRITICAL when there is nothing to read, WARNING when something could not be.
void MemoryCheck::submit_can_read(metrics::SampleSink& sink, const std::string& failure) const {
  using Status = metrics::ServiceCheckStatus;
  metrics::ServiceCheck check{.name = "process.memory.can_read",
                              .status = failure.empty() ? Status::ok : Status::critical,
                              .tags = config_.tags,
                              .host = config_.host.value_or(std::string()),
                              .message = failure};
  for (const auto& [pid, watched] : watched_) {
    if (check.status == Status::ok && !watched.trouble.empty()) {
      check.status = Status::warning;
      check.message = named(watched.facts) + ": " + watched.trouble;
    }
  }
  sink.submit(check);
}

}  // namespace heapwatch::check::memory
