#include "check/schedule/scheduler.h"

#include <algorithm>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "base/memory_reserve.h"
#include "check/schedule/scheduler_entry.h"
#include "check/schedule/turn.h"

namespace heapwatch::check::schedule {

Scheduler::Scheduler(net::EventLoop& loop, SchedulerOptions options, Publish publish,
                     PublishSlices publish_slices)
    : loop_(loop),
      options_(std::move(options)),
      runner_options_(std::make_shared<const RunnerOptions>(options_.runner)),
      publish_(std::move(publish)),
      publish_slices_(std::move(publish_slices)),
      random_(std::random_device{}()),
      workers_(options_.check_runners) {}

Scheduler::~Scheduler() = default;

void Scheduler::add(std::unique_ptr<ConfiguredCheck> configured) {
  auto made = std::make_unique<Entry>(std::move(configured), runner_options_);
  Entry& entry = *made;
  {
    const std::lock_guard lock(stats_mutex_);
    entry.totals = &by_check_[entry.runner.instance().check_name];
    ++entry.totals->instances;
    by_id_.emplace(entry.runner.instance().id, added_);
    entries_.emplace(added_++, std::move(made));
  }
  schedule(entry, first_turn(entry.runner.now().wall, entry.runner.interval(), entry.hash));
}

bool Scheduler::remove(std::string_view id) {
  std::unique_ptr<Entry> entry;
  {
    const std::lock_guard lock(stats_mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) {
      return false;
    }
    const auto place = entries_.find(found->second);
    by_id_.erase(found);
    entry = std::move(place->second);
    entries_.erase(place);
    --entry->totals->instances;
    contexts_ -= entry->contexts;
    if (entry->failing) {
      --failing_;
      --entry->totals->failing;
    }
  }
  loop_.cancel(entry->timer);
  if (entry->running) {
    entry->leaving = true;
    leaving_.push_back(std::move(entry));
  } else {
    destroy(std::move(entry));
  }
  return true;
}

/// Giving back hundreds of thousands of series takes its time, too.
void Scheduler::destroy(std::unique_ptr<Entry> entry) {
  if (large_worker_ && entry->runner.is_http() && entry->contexts > options_.large_series) {
    entry->slice = nullptr;  // the exporters' are the loop's
    large_worker_->submit([kept = std::shared_ptr<Entry>(std::move(entry))] {});
  }
}

bool Scheduler::stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  const auto until = std::chrono::steady_clock::now() + patience;
  const bool ended = workers_.stop(patience);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      std::max(until - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration{}));
  return (!large_worker_ || large_worker_->stop(left)) && ended;
}

void Scheduler::schedule(Entry& entry, std::chrono::system_clock::time_point turn) {
  const base::Instant now = entry.runner.now();
  surely([&] {
    entry.timer = loop_.at(now.steady + (turn - now.wall), [this, &entry] { take_turn(entry); });
  });
}

void Scheduler::skip_turn(Entry& entry, void (InstanceRunner::*count)(),
                          std::uint64_t CheckTotals::*total) {
  const std::lock_guard lock(stats_mutex_);
  (entry.runner.*count)();
  ++(entry.totals->*total);
}

void Scheduler::take_turn(Entry& entry) {
  if (stopping_) {
    return;
  }
  schedule(entry, next_turn(entry.runner.now().wall, entry.runner.interval(), entry.hash));
  workers_.relieve(options_.stuck_after);
  if (entry.running) {
    watch_run(entry);
    skip_turn(entry, &InstanceRunner::count_skipped, &CheckTotals::skipped);
    return;
  }
  if (entry.turns_to_sit_out > 0) {
    --entry.turns_to_sit_out;
    skip_turn(entry, &InstanceRunner::count_sat_out, &CheckTotals::sat_out);
    return;
  }
  entry.running = true;
  entry.began = entry.runner.now();
  {
    const std::lock_guard lock(stats_mutex_);
    ++running_;
  }
  if (entry.runner.is_http()) {
    start_http(entry);
  } else {
    start_blocking(entry);
  }
}

void Scheduler::start_http(Entry& entry) {
  auto request = entry.runner.request();
  if (!request) {
    finish(entry, tl::unexpected(request.error()));
    return;
  }
  const bool is_asked = base::within_memory([&] {
    loop_.fetch(
        std::move(*request),
        [this, &entry](net::HttpResult response) { take_answer(entry, std::move(response)); },
        entry.runner.filter());
  });
  if (!is_asked) {
    finish(entry, tl::unexpected(no_memory()));
  }
}

void Scheduler::take_answer(Entry& entry, net::HttpResult response) {
  if (entry.leaving) {
    discard(entry);
    return;
  }
  if (is_large(entry, response)) {
    if (!take_in(entry, std::move(response))) {
      finish(entry, tl::unexpected(no_memory()));
    }
    return;
  }
  const auto outcome = entry.runner.consume(response);
  if (entry.runner.asks_again()) {
    start_http(entry);
  } else {
    finish(entry, outcome);
  }
}

void Scheduler::start_blocking(Entry& entry) {
  if (!base::within_memory([&] { run_on_worker(entry); })) {
    finish(entry, tl::unexpected(no_memory()));
  }
}

void Scheduler::run_on_worker(Entry& entry) {
  const auto snapshot = std::make_shared<SnapshotPtr>(spare_snapshot());
  workers_.submit([this, &entry, snapshot] {
    {
      const std::lock_guard lock(stats_mutex_);
      entry.on_runner = std::chrono::steady_clock::now();
    }
    entry.began = entry.runner.now();  // waiting for a runner is not running
    if (!entry.leaving) {
      const auto outcome = entry.runner.run_check();
      entry.runner.finish(entry.began, outcome, **snapshot);
    }
    surely([&] {
      loop_.post([this, &entry, snapshot] {
        entry.leaving ? discard(entry) : publish(entry, std::move(*snapshot));
      });
    });
  });
}

bool Scheduler::is_large(const Entry& entry, const net::HttpResult& response) const {
  return (response && response->body.size() > options_.large_body_bytes) ||
         entry.contexts > options_.large_series;
}

bool Scheduler::take_in(Entry& entry, net::HttpResult response) {
  try {
    hand_to_large_worker(entry, std::move(response));
  } catch (const std::bad_alloc&) {
    base::refill_memory_reserve();
    return false;
  } catch (const std::system_error&) {  // for its thread
    base::refill_memory_reserve();
    return false;
  }
  return true;
}

void Scheduler::hand_to_large_worker(Entry& entry, net::HttpResult response) {
  if (!large_worker_) {
    large_worker_ = std::make_unique<WorkerPool>(1);
  }
  const auto page = std::make_shared<std::optional<net::HttpResult>>(std::move(response));
  const auto snapshot = std::make_shared<SnapshotPtr>(std::make_unique<metrics::Snapshot>());
  large_worker_->submit([this, &entry, page, snapshot] {
    if (!entry.leaving) {
      const auto outcome = entry.runner.consume(**page);
      page->reset();
      if (entry.runner.asks_again()) {
        *snapshot = nullptr;
      } else {
        entry.runner.finish(entry.began, outcome, **snapshot);
      }
    }
    surely([&] {
      loop_.post([this, &entry, snapshot] {
        if (entry.leaving) {
          discard(entry);
        } else if (*snapshot) {
          publish(entry, std::move(*snapshot));
        } else {
          start_http(entry);
        }
      });
    });
  });
}

void Scheduler::discard(Entry& entry) {
  {
    const std::lock_guard lock(stats_mutex_);
    --running_;
  }
  const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                  [&](const auto& other) { return other.get() == &entry; });
  if (found != leaving_.end()) {
    destroy(std::exchange(*found, nullptr));
    leaving_.erase(found);
  }
}

void Scheduler::watch_run(Entry& entry) {
  std::optional<std::chrono::steady_clock::time_point> began;
  {
    const std::lock_guard lock(stats_mutex_);
    began = entry.on_runner;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!began || entry.logged_stuck || now - *began <= options_.stuck_after) {
    return;
  }
  entry.logged_stuck = true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *began).count();
  base::log(base::LogLevel::warn, "check " + entry.runner.instance().id +
                                      ": has been running for " + std::to_string(seconds) +
                                      " s; others get a further runner");
}

std::vector<metrics::RunStats> Scheduler::stats() const {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(stats_mutex_);
  std::vector<metrics::RunStats> all;
  all.reserve(entries_.size());
  for (const auto& [order, entry] : entries_) {
    all.push_back(entry->runner.stats());
    if (entry->on_runner) {
      all.back().running_for = now - *entry->on_runner;
    }
  }
  return all;
}

Scheduler::Totals Scheduler::totals() const {
  const std::size_t waiting = workers_.waiting();
  const std::lock_guard lock(stats_mutex_);
  return {.instances = entries_.size(),
          .failing = failing_,
          .running = running_,
          .waiting_for_runner = waiting,
          .contexts = contexts_};
}

std::map<std::string, CheckTotals> Scheduler::by_check() const {
  const std::lock_guard lock(stats_mutex_);
  return by_check_;
}

}  // namespace heapwatch::check::schedule
