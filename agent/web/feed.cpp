#include "agent/web/feed.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "agent/web/verdict_codes.h"
#include "base/file.h"
#include "base/number.h"
#include "base/process_usage.h"
#include "history/series_names.h"
#include "leak/judge.h"

namespace heapwatch::agent::web {

namespace {

using check::memory::Sighting;

constexpr std::size_t proc_text_max = std::size_t{1} << 20U;

/// Clock ticks of the kernel to milliseconds.
std::int64_t in_ms(std::uint64_t ticks) {
  static const long per_second = ::sysconf(_SC_CLK_TCK);
  return static_cast<std::int64_t>(ticks) * 1000 / (per_second > 0 ? per_second : 100);
}

/// When the process began that has the pid now; absent when there is none.
std::optional<std::uint64_t> start_of(int pid) {
  const auto text = base::read_file("/proc/" + std::to_string(pid) + "/stat", proc_text_max);
  const auto stat = text ? base::parse_process_stat(*text) : std::nullopt;
  return stat ? std::optional(stat->start_ticks) : std::nullopt;
}

std::string identity_text(const Boot& boot, int pid, std::uint64_t start_ticks) {
  return boot.id + "/" + std::to_string(pid) + "/" + std::to_string(start_ticks);
}

void add(history::Reading& reading, std::string_view series, std::uint64_t value) {
  reading.values.emplace_back(series, static_cast<std::int64_t>(value));
}

void add_verdict(history::Reading& reading, const check::memory::ProcessVerdict& verdict) {
  const auto word = code_of(verdict_codes, leak::name_of(verdict.verdict));
  const auto confidence = code_of(confidence_codes, leak::name_of(verdict.confidence));
  if (word && confidence) {
    reading.values.emplace_back(history::verdict_series, *word);
    reading.values.emplace_back(history::confidence_series, *confidence);
  }
}

}  // namespace

Boot this_boot() {
  Boot boot;
  const auto id = base::read_file("/proc/sys/kernel/random/boot_id", proc_text_max);
  boot.id = id ? id->substr(0, id->find('\n')) : "unknown";
  if (const auto stat = base::read_file("/proc/stat", proc_text_max); stat) {
    constexpr std::string_view key = "\nbtime ";
    if (const auto place = stat->find(key); place != std::string::npos) {
      const std::string_view rest = std::string_view{*stat}.substr(place + key.size());
      const auto seconds = base::parse_number(rest.substr(0, rest.find('\n')));
      boot.began = seconds ? seconds->to_int64().value_or(0) * 1000 : 0;
    }
  }
  return boot;
}

std::string identity_of(const Boot& boot, int pid) {
  const std::optional<std::uint64_t> start = start_of(pid);
  return start ? identity_text(boot, pid, *start) : std::string();
}

Feed::Known& Feed::known(const Sighting& seen) {
  Known& known = known_[seen.pid];
  if (known.start_ticks != seen.start_ticks || known.life.identity.empty()) {
    if (!known.life.identity.empty()) {
      parts_.recorder.end(known.life, parts_.clock(), "");
    }
    known = Known{
        .life = {.identity = identity_text(parts_.boot, seen.pid, seen.start_ticks),
                 .kind = "process",
                 .service = seen.service,
                 .name = seen.name,
                 .pid = seen.pid,
                 .started =
                     parts_.boot.began == 0 ? 0 : parts_.boot.began + in_ms(seen.start_ticks)},
        .looks = 0,
        .start_ticks = seen.start_ticks,
        .verdict = {},
        .sentence = {}};
  }
  return known;
}

void Feed::take() {
  const std::int64_t now = parts_.clock();
  std::set<int> pids;
  const std::vector<check::memory::ProcessVerdict> verdicts = parts_.verdicts();
  std::map<int, const check::memory::ProcessVerdict*> by_pid;
  for (const check::memory::ProcessVerdict& verdict : verdicts) {
    by_pid.emplace(verdict.pid, &verdict);
  }
  for (const Sighting& seen : parts_.sightings.all()) {
    pids.insert(seen.pid);
    Known& life = known(seen);
    history::Reading reading{.life = life.life, .time = now, .values = {}};
    add(reading, history::rss_series, seen.rss);
    add(reading, history::swap_series, seen.swap);
    add(reading, "threads", seen.threads);
    if (seen.limit && seen.working_set) {
      add(reading, "limit", *seen.limit);
      add(reading, "working_set", *seen.working_set);
    }
    if (seen.looks != life.looks) {
      life.looks = seen.looks;
      std::uint64_t sum = 0;
      for (const Sighting::Row& row : seen.rows) {
        add(reading, history::series_of({row.space, row.owner, row.state}), row.bytes);
        sum += row.bytes;
      }
      add(reading, history::rows_rss_series, sum);
      if (seen.goroutines) {
        add(reading, "goroutines", *seen.goroutines);
      }
    }
    if (const auto verdict = by_pid.find(seen.pid); verdict != by_pid.end()) {
      add_verdict(reading, *verdict->second);
    }
    parts_.recorder.record(std::move(reading));
  }
  for (check::memory::SeenProfile& profile : parts_.sightings.take_profiles()) {
    const auto life = known_.find(profile.pid);
    if (life != known_.end() && life->second.start_ticks == profile.start_ticks) {
      parts_.recorder.profile(life->second.life, now, std::move(profile.kind),
                              std::move(profile.cause), std::move(profile.bytes));
    }
  }
  for (const check::memory::ProcessVerdict& verdict : verdicts) {
    const auto life = known_.find(verdict.pid);
    const std::string name(leak::name_of(verdict.verdict));
    if (life == known_.end() || life->second.verdict == name) {
      continue;
    }
    life->second.verdict = name;
    parts_.recorder.event(&life->second.life, now, "verdict", verdict.sentence);
  }
  end_those_that_are_gone(pids, now);
}

void Feed::end_those_that_are_gone(const std::set<int>& seen, std::int64_t now) {
  for (auto known = known_.begin(); known != known_.end();) {
    if (seen.contains(known->first) || start_of(known->first) == known->second.start_ticks) {
      ++known;
      continue;
    }
    parts_.recorder.end(known->second.life, now, "");
    known = known_.erase(known);
  }
}

}  // namespace heapwatch::agent::web
