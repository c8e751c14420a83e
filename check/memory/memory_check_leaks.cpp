// The part of the check `memory` that tells of leaks: it judges, and keeps profiles.
#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "check/memory/memory_check.h"
#include "check/memory/service_tags.h"

namespace heapwatch::check::memory {

namespace {

/// Of its limit: where a container is near it, and where it is far again.
constexpr double near_share = 0.8;
constexpr double far_share = 0.7;

}  // namespace

/// Of what is read to its end only: what a look lacks would be there again at the next one.
void MemoryCheck::judge(Watched& watched, const Survey& survey) {
  const bool is_whole = watched.trouble.empty();
  if (config_.leak_windows.empty() || !is_whole) {
    return;
  }
  const std::chrono::nanoseconds before = machine_->cpu();
  const int pid = watched.facts.pid;
  const Moment now = machine_->now();
  if (!watched.judge) {
    std::optional<std::string> url;
    if (config_.page) {
      url = config_.page->shown_as.empty() ? config_.page->url : config_.page->shown_as;
    }
    watched.judge = std::make_unique<ProcessJudge>(config_.leak_windows, now, pid, std::move(url));
  }
  leak::Look look = leak::process::look_of(survey, judged_groups);
  machine_->count(pid, look);
  if (const auto& group = group_of(watched); group && group->limit_bytes) {
    look.room = static_cast<double>(*group->limit_bytes) -
                static_cast<double>(std::min(*group->limit_bytes, group->current_bytes));
  }
  watched.judge->take(now, std::move(look));
  if (watched.judge->wants_places(now)) {
    watched.judge->take_places(
        now, machine_->places(pid, config_.page, watched.judge->wants_goroutines()));
  }
  machine_->budget().spend(machine_->cpu() - before);
}

ProcessVerdict MemoryCheck::verdict_on(const Watched& watched) const {
  ProcessVerdict verdict{.pid = watched.facts.pid,
                         .name = config_.name.empty() ? watched.facts.command : config_.name,
                         .target = config_.target,
                         .sentence = "cannot tell yet: not looked at yet"};
  if (!watched.trouble.empty()) {
    verdict.sentence = "cannot tell: " + watched.trouble;
  }
  if (watched.judge) {
    const Opinion& told = watched.judge->told();
    verdict.verdict = told.verdict;
    verdict.confidence = told.confidence;
    verdict.sentence = told.sentence;
    verdict.leaks = told.leaks;
    verdict.for_time = watched.judge->told_for(machine_->now());
    verdict.next = told.next;
  }
  return verdict;
}

/// Of services, never of pids.
metrics::Tags MemoryCheck::tags_of(const Watched& watched) const {
  metrics::Tags tags = service_tags(watched.facts.cgroup);
  tags.push_back("process_name:" + (config_.name.empty() ? watched.facts.command : config_.name));
  return tags;
}

void MemoryCheck::submit_leaks(const Destination& to, metrics::SampleSink& sink,
                               RunReport& report) {
  if (config_.leak_windows.empty()) {
    return;
  }
  // Of a control group that comes near its limit, the largest process is looked into.
  std::map<std::string, std::pair<std::uint64_t, int>> largest;
  for (const auto& [pid, watched] : watched_) {
    auto& known = largest[watched.facts.cgroup];
    known = std::max(known, {watched.facts.vm_rss, pid});
  }
  LeakSums sums;
  std::vector<ProcessVerdict> all;
  for (auto& [pid, watched] : watched_) {
    const ProcessVerdict verdict = verdict_on(watched);
    const metrics::Tags tags = tags_of(watched);
    std::vector<std::string> spaces;
    for (const Looked::Row& row :
         watched.looked ? watched.looked->rows : std::vector<Looked::Row>()) {
      if (row.state == "live") {
        spaces.push_back(row.space);
      }
    }
    const auto change = watched.judge ? watched.judge->take_change() : std::nullopt;
    const bool is_told = change && !change->is_first;
    const bool is_largest = largest[watched.facts.cgroup].second == pid;
    const bool is_near = is_largest && comes_near_limit(watched);
    if (is_told || is_near) {
      keep_profiles(watched.facts,
                    is_near ? "near-limit" : std::string(leak::name_of(verdict.verdict)), report);
    }
    if (is_told) {
      metrics::Tags all_tags = config_.tags;
      all_tags.insert(all_tags.end(), tags.begin(), tags.end());
      sink.submit(event_of(*change, verdict, std::move(all_tags), config_.host.value_or("")));
    }
    all.push_back(verdict);
    sums.add(tags, verdict, spaces);
  }
  sums.submit(to, sink,
              {.name = "process.memory.leak",
               .tags = config_.tags,
               .host = config_.host.value_or(std::string())});
  machine_->board().tell(this, std::move(all));
}

/// Whether its control group has come near its limit since it was last far from it.
bool MemoryCheck::comes_near_limit(Watched& watched) {
  if (!profiles_.is_wanted() && !machine_->sightings().wants_profiles()) {
    return false;
  }
  const std::optional<Cgroup>& group = group_of(watched);
  if (!group || !group->limit_bytes || *group->limit_bytes == 0) {
    return false;
  }
  const double used =
      static_cast<double>(group->working_set_bytes) / static_cast<double>(*group->limit_bytes);
  const bool comes = used >= near_share && !watched.is_near_limit;
  watched.is_near_limit = used >= near_share || (watched.is_near_limit && used >= far_share);
  return comes;
}

/// When a verdict changes, and before the limit of a container is reached.
void MemoryCheck::keep_profiles(const Facts& facts, const std::string& reason, RunReport& report) {
  if (!profiles_.is_wanted() && !machine_->sightings().wants_profiles()) {
    return;
  }
  const std::chrono::nanoseconds before = machine_->cpu();
  ProfileName name{.process = facts.command, .pid = facts.pid, .reason = reason};
  const std::vector<TakenProfile> taken = machine_->profiles(facts.pid, config_.page);
  keep_in_history(facts, reason, taken);
  for (const TakenProfile& profile : profiles_.is_wanted() ? taken : std::vector<TakenProfile>()) {
    name.kind = profile.kind;
    const auto kept = profiles_.keep(name, profile.bytes, std::chrono::system_clock::now());
    if (!kept) {
      report.warnings.push_back("a profile was not kept: " + kept.error().message);
      break;
    }
    base::log(base::LogLevel::info,
              "kept a profile of process " + std::to_string(facts.pid) + ": " + *kept);
  }
  machine_->budget().spend(machine_->cpu() - before);
}

}  // namespace heapwatch::check::memory
