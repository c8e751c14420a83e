#include "check/scheduler.h"

#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "check/turn.h"

namespace heapwatch::check {

namespace {

constexpr std::uint64_t runs_always_logged = 5;

}  // namespace

struct Scheduler::Entry {
  Entry(std::unique_ptr<ConfiguredCheck> configured, const RunnerOptions& options,
        std::size_t position)
      : runner(std::move(configured), options),
        index(position),
        hash(base::fnv1a(runner.instance().id)) {}

  InstanceRunner runner;
  std::size_t index;
  std::uint64_t hash;
  base::Instant began{};
  bool running = false;
  std::optional<std::chrono::steady_clock::time_point> on_runner;  // under stats_mutex_
  bool told_stuck = false;
  std::size_t contexts = 0;
  std::string trouble;  // the error or the warnings of the last run, as the log told them
};

Scheduler::Scheduler(net::EventLoop& loop, SchedulerOptions options, Publish publish)
    : loop_(loop),
      options_(std::move(options)),
      publish_(std::move(publish)),
      workers_(options_.check_runners) {}

Scheduler::~Scheduler() = default;

void Scheduler::add(std::unique_ptr<ConfiguredCheck> configured) {
  entries_.push_back(
      std::make_unique<Entry>(std::move(configured), options_.runner, entries_.size()));
  Entry& entry = *entries_.back();
  {
    const std::lock_guard lock(stats_mutex_);
    stats_.push_back(entry.runner.stats());
  }
  schedule(entry, first_turn(entry.runner.now().wall, entry.runner.interval(), entry.hash));
}

bool Scheduler::stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  return workers_.stop(patience);
}

void Scheduler::schedule(Entry& entry, std::chrono::system_clock::time_point turn) {
  const base::Instant now = entry.runner.now();
  loop_.at(now.steady + (turn - now.wall), [this, &entry] { take_turn(entry); });
}

void Scheduler::take_turn(Entry& entry) {
  if (stopping_) {
    return;
  }
  schedule(entry, next_turn(entry.runner.now().wall, entry.runner.interval(), entry.hash));
  workers_.relieve(options_.stuck_after);
  if (entry.running) {
    watch_run(entry);
    entry.runner.count_skipped();
    const std::lock_guard lock(stats_mutex_);
    ++stats_[entry.index].skipped;
    return;
  }
  entry.running = true;
  entry.began = entry.runner.now();
  {
    const std::lock_guard lock(stats_mutex_);
    ++running_;
  }
  if (entry.runner.http() != nullptr) {
    start_http(entry);
  } else {
    start_blocking(entry);
  }
}

void Scheduler::start_http(Entry& entry) {
  auto request = entry.runner.http()->request();
  if (!request) {
    finish(entry, tl::unexpected(request.error()));
    return;
  }
  loop_.fetch(std::move(*request), [this, &entry](const net::HttpResult& response) {
    finish(entry, entry.runner.http()->consume(response, entry.runner.sink()));
  });
}

void Scheduler::start_blocking(Entry& entry) {
  workers_.submit([this, &entry] {
    {
      const std::lock_guard lock(stats_mutex_);
      entry.on_runner = std::chrono::steady_clock::now();
    }
    auto outcome = entry.runner.check().run(entry.runner.sink());
    loop_.post([this, &entry, outcome = std::move(outcome)] { finish(entry, outcome); });
  });
}

void Scheduler::watch_run(Entry& entry) {
  std::optional<std::chrono::steady_clock::time_point> began;
  {
    const std::lock_guard lock(stats_mutex_);
    began = entry.on_runner;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!began || entry.told_stuck || now - *began <= options_.stuck_after) {
    return;
  }
  entry.told_stuck = true;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *began).count();
  base::log(base::LogLevel::warn, "check " + entry.runner.instance().id +
                                      ": has been running for " + std::to_string(seconds) +
                                      " s; others get a further runner");
}

void Scheduler::finish(Entry& entry, const base::Result<RunReport>& outcome) {
  const metrics::Snapshot& snapshot = entry.runner.finish(entry.began, outcome);
  entry.running = false;
  entry.told_stuck = false;
  {
    const std::lock_guard lock(stats_mutex_);
    entry.on_runner.reset();
    --running_;
    const std::size_t contexts = entry.runner.contexts();
    contexts_ += contexts - entry.contexts;
    entry.contexts = contexts;
    stats_[entry.index] = entry.runner.stats();
  }
  log_run(entry, snapshot);
  publish_(snapshot);
}

void Scheduler::log_run(Entry& entry, const metrics::Snapshot& snapshot) const {
  using base::LogLevel;
  const std::string subject = "check " + entry.runner.instance().id + ": ";
  std::string trouble = snapshot.error ? snapshot.error->message : std::string{};
  for (const std::string& warning : snapshot.warnings) {
    trouble += (trouble.empty() ? "" : "; ") + warning;
  }
  if (trouble != entry.trouble) {
    if (trouble.empty()) {
      base::log(LogLevel::info, subject + "works again");
    } else {
      base::log(snapshot.error ? LogLevel::error : LogLevel::warn, subject + trouble);
    }
    entry.trouble = std::move(trouble);
  }
  const std::uint64_t runs = entry.runner.stats().runs;
  if (!snapshot.error && (runs <= runs_always_logged || runs % options_.logging_frequency == 0)) {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(snapshot.duration);
    base::log(LogLevel::info, subject + "run " + std::to_string(runs) + ", " +
                                  std::to_string(snapshot.samples) + " samples in " +
                                  std::to_string(took.count()) + " ms");
  }
}

std::vector<metrics::RunStats> Scheduler::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return stats_;
}

Scheduler::Totals Scheduler::totals() const {
  const std::size_t waiting = workers_.waiting();
  const std::lock_guard lock(stats_mutex_);
  return {.instances = stats_.size(),
          .running = running_,
          .waiting_for_runner = waiting,
          .contexts = contexts_};
}

}  // namespace heapwatch::check
