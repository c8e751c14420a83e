#include "metrics/aggregator.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "metrics/series_memory.h"

namespace heapwatch::metrics {

namespace {

using base::Instant;
using base::Number;
using Entry = SeriesMemory::Entry;
using Phase = SeriesMemory::Phase;

enum class Drop : std::uint8_t { contexts, negative_rate, not_finite, same_time, type_conflict };
constexpr std::array<const char*, 5> drop_names{"contexts", "negative_rate", "not_finite",
                                                "same_time", "type_conflict"};

// What is larger does not stay for a later run.
constexpr std::size_t reused_series_max = 16'384;

/// What a run needs and no later one. Its memory stays with the thread, for the next run there.
struct Run {
  std::vector<Series> series;  // of which the first `begun` are of this run
  std::size_t begun = 0;
  /// Of the last samples of those that are rates; may be shorter.
  std::vector<std::chrono::steady_clock::time_point> times;
  SeriesMemory::Search search;
  std::vector<ServiceCheck> service_checks;
  std::vector<Event> events;
  std::uint64_t samples = 0;
  std::array<std::uint64_t, drop_names.size()> dropped{};

  void drop(Drop reason) { ++dropped.at(static_cast<std::size_t>(reason)); }

  /// The next series; what it was in an earlier run is gone but for its memory.
  Series& begin(const Context& context, MetricType type) {
    if (begun == series.size()) {
      series.emplace_back();
    }
    Series& made = series[begun++];
    made.context = context;
    made.type = type;
    made.value.reset();
    made.total.reset();
    made.quartiles.reset();
    if (type != MetricType::histogram && type != MetricType::historate) {
      made.distribution.reset();
    } else if (made.distribution) {
      made.distribution->run.clear();
    } else {
      made.distribution.emplace();
    }
    return made;
  }

  void clear() {
    begun = 0;
    search.clear();
    service_checks.clear();
    events.clear();
    samples = 0;
    dropped = {};
  }

  [[nodiscard]] bool is_large() const {
    return series.capacity() > reused_series_max || times.capacity() > reused_series_max ||
           search.places.capacity() > 4 * reused_series_max;
  }
};

/// The one that is in no use on this thread; may be null.
std::unique_ptr<Run>& spare_run() {
  thread_local std::unique_ptr<Run> spare;
  return spare;
}

/// The rate from `from` to `to` per second, unless the clock stood still or the value fell.
std::optional<Number> rate_between(const Point& from, const Point& to, bool falls_from_zero,
                                   std::optional<Drop>& drop) {
  const std::chrono::duration<double> elapsed = to.time - from.time;
  if (elapsed.count() <= 0) {
    drop = Drop::same_time;
    return std::nullopt;
  }
  const bool fell = to.value < from.value;
  const Number increase = fell && falls_from_zero ? to.value : to.value - from.value;
  if (increase.is_negative()) {
    drop = Drop::negative_rate;
    return std::nullopt;
  }
  return Number::of(increase.to_double() / elapsed.count());
}

void add_to(Distribution& distribution, const Number& value) {
  distribution.run.push_back(value);
  ++distribution.count;
  distribution.sum += value.to_double();
}

bool is_stateful(const Entry& entry) {
  switch (entry.type) {
    case MetricType::gauge:
    case MetricType::set:
      return false;
    case MetricType::count:
    case MetricType::counter:
      return !entry.totals;
    default:
      return true;
  }
}

// Wraps around after 136 years.
std::uint32_t seconds_of(const Instant& now) {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::seconds>(now.steady.time_since_epoch()).count());
}

}  // namespace

struct Aggregator::State {
  AggregatorOptions options;
  SeriesMemory memory;
  std::uint64_t runs = 1;
  std::optional<Instant> last_commit;
  std::unique_ptr<Run> current;  // null between runs

  Run& run() {
    if (!current) {
      current = std::move(spare_run());
      if (!current) {
        current = std::make_unique<Run>();
      }
    }
    return *current;
  }

  [[nodiscard]] Instant time_of(const Sample& sample) const {
    return sample.time ? *sample.time : options.clock();
  }

  Entry* find_or_add(const Sample& sample, Run& now) {
    Entry* const found = memory.find(sample.context, now.search);
    if (found != nullptr && found->type == sample.type) {
      return found;
    }
    if (found != nullptr) {
      if (found->phase != Phase::kept) {
        now.drop(Drop::type_conflict);
        return nullptr;
      }
      SeriesMemory::begin_anew(*found, sample.type, now.search);
      return found;
    }
    if (memory.size() >= std::min(options.contexts_max, SeriesMemory::size_max)) {
      now.drop(Drop::contexts);
      return nullptr;
    }
    return &memory.add(sample.context, sample.type, now.search);
  }

  void begin_series(Entry& entry, Run& now) {
    Series& series = now.begin(entry.context, entry.type);
    memory.begin_run(entry, static_cast<std::uint32_t>(now.begun - 1), now.search);
    if (series.distribution) {
      const Collection& carried = memory.collection(entry);
      series.distribution->count = carried.count;
      series.distribution->sum = carried.sum;
    }
  }

  void add(Entry& entry, const Sample& sample, Run& now) {
    Series& series = now.series[entry.at];
    switch (sample.type) {
      case MetricType::gauge:
        series.value = sample.value;
        series.quartiles = sample.quartiles;
        return;
      case MetricType::count:
      case MetricType::counter:
        add_count(entry, series, sample);
        return;
      case MetricType::rate: {
        const Instant time = time_of(sample);
        series.total = sample.value;
        series.time = time.wall;
        entry.flush_first_value = sample.flush_first_value;
        now.times.resize(std::max<std::size_t>(now.times.size(), entry.at + 1));
        now.times[entry.at] = time.steady;
        return;
      }
      case MetricType::monotonic_counter:
        add_increase(entry, series, sample);
        return;
      case MetricType::histogram:
        add_to(*series.distribution, sample.value);
        return;
      case MetricType::historate:
        add_rate(entry, series, sample, now);
        return;
      case MetricType::set:
        memory.collection(entry).elements.add(sample.element, runs);
        return;
    }
  }

  void add_count(Entry& entry, Series& series, const Sample& sample) {
    if (!series.total && entry.carries()) {
      series.total = memory.point(entry).value;
    }
    entry.totals = sample.value_is_total;
    series.value = series.value.value_or(Number()) + sample.value;
    series.total = entry.totals ? sample.value : series.total.value_or(Number()) + sample.value;
  }

  void add_increase(Entry& entry, Series& series, const Sample& sample) {
    std::optional<Number> last = series.total;
    if (!last && entry.carries()) {
      last = memory.point(entry).value;
    }
    series.total = sample.value;
    if (!last && !sample.flush_first_value) {
      return;
    }
    Number increase;
    if (last && !(sample.value < *last)) {
      increase = sample.value - *last;
    } else if (sample.flush_first_value && !sample.value.is_negative()) {
      increase = sample.value;
    }
    series.value = series.value.value_or(Number()) + increase;
  }

  void add_rate(Entry& entry, Series& series, const Sample& sample, Run& now) {
    std::optional<Point>& last = memory.collection(entry).last;
    const Point point{sample.value, time_of(sample).steady};
    if (last) {
      std::optional<Drop> reason;
      if (const auto rate = rate_between(*last, point, false, reason)) {
        add_to(*series.distribution, *rate);
      } else {
        now.drop(*reason);
      }
    }
    last = point;
  }

  // From the last sample of the run before to the last of this one: a context sampled twice in a
  // run would otherwise show the rate of the microseconds in between.
  void end_rate(Entry& entry, Series& series, Run& now) {
    const Point to{*series.total, now.times[entry.at]};
    std::optional<Point> from;
    if (entry.carries()) {
      from = memory.point(entry);
    } else if (entry.flush_first_value && last_commit) {
      from = Point{Number(), last_commit->steady};
    }
    if (from) {
      std::optional<Drop> reason;
      series.value = rate_between(*from, to, entry.flush_first_value, reason);
      if (reason) {
        now.drop(*reason);
      }
    }
    memory.point(entry) = to;
  }

  void end_series(Entry& entry, Series& series, const Instant& at, Run& now) {
    if (entry.type != MetricType::rate) {
      series.time = at.wall;
    }
    switch (entry.type) {
      case MetricType::gauge:
        series.total = series.value;
        break;
      case MetricType::count:
      case MetricType::counter:
        if (!entry.totals) {
          memory.point(entry).value = *series.total;
        }
        break;
      case MetricType::rate:
        end_rate(entry, series, now);
        break;
      case MetricType::monotonic_counter:
        memory.point(entry).value = *series.total;
        break;
      case MetricType::set:
        series.value = Number::of(memory.collection(entry).elements.end_run(runs));
        break;
      case MetricType::histogram:
      case MetricType::historate: {
        Collection& carried = memory.collection(entry);
        carried.count = series.distribution->count;
        carried.sum = series.distribution->sum;
        break;
      }
    }
  }

  void age(Entry& entry, const Instant& now) const {
    if (entry.phase == Phase::waiting && ++entry.at >= options.commits_to_expiry) {
      entry.phase = is_stateful(entry) ? Phase::kept : Phase::over;
      entry.at = seconds_of(now) +
                 static_cast<std::uint32_t>(std::chrono::seconds(options.stateful_expiry).count());
    } else if (entry.phase == Phase::kept &&
               static_cast<std::int32_t>(seconds_of(now) - entry.at) >= 0) {
      entry.phase = Phase::over;
    }
  }
};

Aggregator::Aggregator(AggregatorOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

Aggregator::~Aggregator() = default;

void Aggregator::submit(const Sample& sample) {
  State& state = *state_;
  Run& run = state.run();
  ++run.samples;
  if (!sample.value.is_finite()) {
    run.drop(Drop::not_finite);
    return;
  }
  Entry* const entry = state.find_or_add(sample, run);
  if (entry == nullptr) {
    return;
  }
  if (entry->phase != Phase::sampled) {
    state.begin_series(*entry, run);
  }
  state.add(*entry, sample, run);
}

void Aggregator::submit(const ServiceCheck& check) {
  state_->run().service_checks.push_back(check);
}

void Aggregator::submit(const Event& event) {
  state_->run().events.push_back(event);
}

void Aggregator::commit(Snapshot& snapshot) {
  State& state = *state_;
  Run& run = state.run();
  const Instant now = state.options.clock();
  snapshot.time = now;
  for (Entry& entry : state.memory.entries()) {
    if (entry.phase == Phase::sampled) {
      state.end_series(entry, run.series[entry.at], now, run);
    } else {
      state.age(entry, now);
    }
  }
  state.memory.end_run(run.begun, run.search);
  run.series.resize(run.begun);
  // The vectors change places run by run, so that neither side allocates.
  std::swap(snapshot.series, run.series);
  std::swap(snapshot.service_checks, run.service_checks);
  std::swap(snapshot.events, run.events);
  snapshot.samples = run.samples;
  snapshot.dropped.clear();
  for (std::size_t i = 0; i < run.dropped.size(); ++i) {
    if (run.dropped.at(i) != 0) {
      snapshot.dropped.emplace(drop_names.at(i), run.dropped.at(i));
    }
  }
  run.clear();
  spare_run() = run.is_large() ? nullptr : std::move(state.current);
  state.current.reset();
  state.last_commit = now;
  ++state.runs;
}

std::size_t Aggregator::contexts() const {
  return state_->memory.size();
}

}  // namespace heapwatch::metrics
