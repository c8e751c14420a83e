// How a scheduler ends a run: its snapshot goes out, in slices when it is large, and is counted.
#include <algorithm>
#include <utility>

#include "check/schedule/backoff.h"
#include "check/schedule/scheduler_entry.h"

namespace heapwatch::check::schedule {

void Scheduler::finish(Entry& entry, const base::Result<RunReport>& outcome) {
  SnapshotPtr snapshot;
  surely([&] { snapshot = spare_snapshot(); });
  entry.runner.finish(entry.began, outcome, *snapshot);
  publish(entry, std::move(snapshot));
}

void Scheduler::publish(Entry& entry, SnapshotPtr snapshot) {
  // Also where a run that failed takes many series off the page.
  if (publish_slices_ &&
      std::max(snapshot->series.size(), entry.contexts) > options_.large_series) {
    entry.publishing = std::move(snapshot);
    as_far_as_memory_goes("publishing its run", entry.runner.instance(),
                          [&] { entry.slice = publish_slices_(*entry.publishing); });
    publish_slices(entry);
    return;
  }
  as_far_as_memory_goes("publishing its run", entry.runner.instance(),
                        [&] { publish_(*snapshot); });
  if (entry.leaving) {
    discard(entry);
    return;
  }
  end_run(entry, std::move(snapshot));
}

void Scheduler::publish_slices(Entry& entry) {
  if (entry.leaving) {
    discard(entry);
    return;
  }
  const metrics::Instance& instance = entry.runner.instance();
  auto until = std::chrono::steady_clock::now() + options_.slice;
  bool goes_on = static_cast<bool>(entry.slice);
  while (goes_on) {
    goes_on = false;
    as_far_as_memory_goes("publishing its run", instance, [&] { goes_on = entry.slice(); });
    const auto now = std::chrono::steady_clock::now();
    if (goes_on && now >= until) {
      if (base::within_memory([&] { loop_.post([this, &entry] { publish_slices(entry); }); })) {
        return;
      }
      until = now + options_.slice;
    }
  }
  entry.slice = nullptr;
  end_run(entry, std::move(entry.publishing));
}

void Scheduler::end_run(Entry& entry, SnapshotPtr snapshot) {
  const metrics::Instance& instance = entry.runner.instance();
  entry.running = false;
  entry.logged_stuck = false;
  as_far_as_memory_goes("its statistics", instance, [&] {
    const std::lock_guard lock(stats_mutex_);
    count_run(entry, *snapshot);
    entry.runner.count(*snapshot);
  });
  entry.turns_to_sit_out = turns_to_sit_out(snapshot->failed_runs, entry.runner.interval(),
                                            options_.backoff_max, random_());
  as_far_as_memory_goes("a line of the log", instance, [&] {
    entry.log.tell(*snapshot, entry.runner.stats(), options_.logging_frequency);
  });
  (void)base::within_memory([&] { put_aside(std::move(snapshot)); });
}

/// It keeps room for another run, and nothing of an instance that may be removed.
void Scheduler::put_aside(SnapshotPtr snapshot) {
  constexpr std::size_t kept_series_max = 10'000;
  constexpr std::size_t kept_max = 4;
  if (snapshot->series.capacity() <= kept_series_max && spare_.size() < kept_max) {
    snapshot->series.clear();
    spare_.push_back(std::move(snapshot));
  } else if (snapshot->series.size() > options_.large_series && large_worker_) {
    large_worker_->submit([kept = std::shared_ptr<metrics::Snapshot>(std::move(snapshot))] {});
  }
}

Scheduler::SnapshotPtr Scheduler::spare_snapshot() {
  if (spare_.empty()) {
    return std::make_unique<metrics::Snapshot>();
  }
  SnapshotPtr snapshot = std::move(spare_.back());
  spare_.pop_back();
  return snapshot;
}

void Scheduler::count_run(Entry& entry, const metrics::Snapshot& snapshot) {
  entry.on_runner.reset();
  --running_;
  const std::size_t contexts = entry.runner.contexts();
  contexts_ += contexts - entry.contexts;
  entry.contexts = contexts;
  CheckTotals& totals = *entry.totals;
  const bool failing = snapshot.error.has_value();
  if (failing != entry.failing) {
    const std::size_t change = failing ? 1 : static_cast<std::size_t>(-1);
    failing_ += change;
    totals.failing += change;
    entry.failing = failing;
  }
  ++totals.runs;
  totals.errors += failing ? 1 : 0;
  totals.warnings += snapshot.warnings.size();
  totals.samples += snapshot.samples;
  totals.run_time += snapshot.duration;
  for (const auto& [reason, count] : snapshot.dropped) {
    totals.dropped[reason] += count;
  }
}

}  // namespace heapwatch::check::schedule
