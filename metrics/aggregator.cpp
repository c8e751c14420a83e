#include "metrics/aggregator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/remembered.h"
#include "metrics/run.h"

namespace heapwatch::metrics {

namespace {

using base::Instant;
using base::Number;
using Entry = SeriesMemory::Entry;
using Phase = SeriesMemory::Phase;

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
  std::unique_ptr<Run> current;        // null between runs
  std::unique_ptr<Culprits> culprits;  // null: nothing was too large yet

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
    if (const auto culprit = too_long(sample.context, options.limits)) {
      refuse(*culprit, now);
      return nullptr;
    }
    if (base::remembers_enough()) {
      now.drop(Drop::process_bytes);
      return nullptr;
    }
    if (!has_room(SeriesMemory::bytes_of(sample.context), now)) {
      return nullptr;
    }
    return &memory.add(sample.context, sample.type, now.search);
  }

  void refuse(const TooLong& culprit, Run& now) {
    if (!culprits) {
      culprits = std::make_unique<Culprits>();
    }
    culprits->note(culprit);
    now.drop(culprit.reason);
  }

  [[nodiscard]] bool has_room(std::size_t bytes, Run& now) const {
    const bool has = memory.bytes() + now.bytes + bytes <= options.limits.instance_bytes_max;
    if (!has) {
      now.drop(Drop::instance_bytes);
    }
    return has;
  }

  /// A service check or an event.
  template <typename Submission>
  void keep(const Submission& submission, std::vector<Submission>& kept, Run& now) {
    if (const auto culprit = too_long(submission, options.limits)) {
      refuse(*culprit, now);
    } else if (const std::size_t bytes = bytes_of(submission); has_room(bytes, now)) {
      now.bytes += bytes;
      kept.push_back(with_limited_texts(submission));
    }
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
        if (has_room(sizeof sample.value, now)) {
          now.bytes += sizeof sample.value;
          add_to(*series.distribution, sample.value);
        }
        return;
      case MetricType::historate:
        add_rate(entry, series, sample, now);
        return;
      case MetricType::set:
        if (has_room(sample.element.size(), now)) {
          now.bytes += sizeof(std::string) + sample.element.size();
          memory.add_element(entry, sample.element, runs);
        }
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
      const auto rate = rate_between(*last, point, false, reason);
      if (!rate) {
        now.drop(*reason);
      } else if (has_room(sizeof *rate, now)) {
        now.bytes += sizeof *rate;
        add_to(*series.distribution, *rate);
      }
    }
    last = point;
  }

  // From the last sample of the run before to the last of this one: a context sampled twice in a
  // run would otherwise show the rate of the microseconds in between.
  void end_rate(Entry& entry, Series& series, Run& now) {
    if (!series.total || entry.at >= now.times.size()) {
      return;  // there was no memory for its sample
    }
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

  /// `is_short`: bytes are, and what has not been seen for a while goes at once.
  void age(Entry& entry, const Instant& now, bool is_short) const {
    const unsigned commits = is_short && !is_stateful(entry) ? 1 : options.commits_to_expiry;
    if (entry.phase == Phase::waiting && ++entry.at >= commits) {
      entry.phase = is_stateful(entry) ? Phase::kept : Phase::over;
      entry.at = seconds_of(now) +
                 static_cast<std::uint32_t>(std::chrono::seconds(options.stateful_expiry).count());
    } else if (entry.phase == Phase::kept &&
               (is_short || static_cast<std::int32_t>(seconds_of(now) - entry.at) >= 0)) {
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
  Run& run = state_->run();
  state_->keep(check, run.service_checks, run);
}

void Aggregator::submit(const Event& event) {
  Run& run = state_->run();
  state_->keep(event, run.events, run);
}

void Aggregator::commit(Snapshot& snapshot) {
  State& state = *state_;
  Run& run = state.run();
  const Instant now = state.options.clock();
  snapshot.time = now;
  const bool is_short =
      count_of(run.dropped, Drop::instance_bytes) + count_of(run.dropped, Drop::process_bytes) != 0;
  // Others may need the bytes more than series that are gone.
  const bool makes_room = is_short || base::remembers_enough();
  for (Entry& entry : state.memory.entries()) {
    if (entry.phase == Phase::sampled) {
      state.end_series(entry, run.series[entry.at], now, run);
    } else {
      state.age(entry, now, makes_room);
    }
  }
  state.memory.end_run(run.begun, run.search);
  run.series.resize(run.begun);
  // The vectors change places run by run, so that neither side allocates.
  std::swap(snapshot.series, run.series);
  std::swap(snapshot.service_checks, run.service_checks);
  std::swap(snapshot.events, run.events);
  snapshot.samples = run.samples;
  put_counts(run.dropped, snapshot.dropped);
  snapshot.warnings.clear();
  if (is_short && !state.culprits) {
    state.culprits = std::make_unique<Culprits>();
  }
  if (state.culprits) {
    state.culprits->end_run(run.dropped, state.options.limits, snapshot.warnings);
  }
  run.clear();
  spare_run() = run.is_large() ? nullptr : std::move(state.current);
  state.current.reset();
  state.last_commit = now;
  ++state.runs;
}

void Aggregator::abandon(Snapshot& snapshot) noexcept {
  State& state = *state_;
  for (Entry& entry : state.memory.entries()) {
    if (entry.phase == Phase::sampled) {
      entry.phase = Phase::waiting;
      entry.at = 0;
    }
  }
  state.current.reset();
  spare_run().reset();
  snapshot.series = {};
  snapshot.service_checks = {};
  snapshot.events = {};
  snapshot.samples = 0;
  snapshot.dropped.clear();
  snapshot.warnings.clear();
  snapshot.time = state.options.clock();
  state.last_commit = snapshot.time;
  ++state.runs;
}

std::size_t Aggregator::bytes() const {
  return state_->memory.bytes();
}

std::size_t Aggregator::contexts() const {
  return state_->memory.size();
}

}  // namespace heapwatch::metrics
