#include "metrics/aggregator.h"

#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace heapwatch::metrics {

namespace {

using base::Instant;
using base::Number;

enum class Drop : std::uint8_t { contexts, negative_rate, not_finite, same_time, type_conflict };
constexpr std::array<const char*, 5> drop_names{"contexts", "negative_rate", "not_finite",
                                                "same_time", "type_conflict"};

struct SameSeries {
  bool operator()(const Context& a, const Context& b) const { return a.same_series(b); }
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

/// The elements of a set with the run that last named them; those not named again go.
class DistinctElements {
 public:
  void add(std::string_view element, std::uint64_t run) {
    auto found = last_named_.find(element);
    if (found == last_named_.end()) {
      found = last_named_.emplace(element, 0).first;
    }
    if (found->second != run) {
      found->second = run;
      ++named_;
    }
  }
  std::uint64_t end_run(std::uint64_t run) {
    if (named_ != last_named_.size()) {
      std::erase_if(last_named_, [&](const auto& element) { return element.second != run; });
    }
    return std::exchange(named_, 0);
  }

 private:
  std::unordered_map<std::string, std::uint64_t, TextHash, std::equal_to<>> last_named_;
  std::uint64_t named_ = 0;
};

struct Point {
  Number value;
  Instant time;
};

/// What only some series carry: not the plain gauges, which are most.
struct Carried {
  /// Set when only the last value is kept: when that goes too.
  std::optional<std::chrono::steady_clock::time_point> kept_until;
  std::optional<Point> last;      // sample
  std::optional<Point> previous;  // rates: the last sample of the run before
  Number sum;                     // of a count's samples, ever
  std::shared_ptr<const Quartiles> quartiles;
  std::optional<Distribution> distribution;
  std::optional<DistinctElements> elements;
};

/// What a context carries from sample to sample and from run to run.
struct Accumulator {
  explicit Accumulator(const Sample& sample) : type(sample.type) {
    if (type == MetricType::gauge) {
      return;
    }
    carried = std::make_unique<Carried>();
    if (type == MetricType::histogram || type == MetricType::historate) {
      carried->distribution.emplace();
    } else if (type == MetricType::set) {
      carried->elements.emplace();
    }
  }

  MetricType type;
  bool totals = false;               // the samples of this count are running totals
  bool flush_first_value = false;    // as the last sample said
  std::uint64_t run = 0;             // of the last sample
  std::optional<Number> value;       // of this run
  std::unique_ptr<Carried> carried;  // never null but for gauges

  void set_quartiles(std::shared_ptr<const Quartiles> quartiles) {
    if (quartiles && !carried) {
      carried = std::make_unique<Carried>();
    }
    if (carried) {
      carried->quartiles = std::move(quartiles);
    }
  }

  [[nodiscard]] bool is_kept() const { return carried && carried->kept_until; }

  [[nodiscard]] bool is_stateful() const {
    switch (type) {
      case MetricType::gauge:
      case MetricType::set:
        return false;
      case MetricType::count:
      case MetricType::counter:
        return !totals;
      default:
        return true;
    }
  }
};

/// The rate from `from` to `to` per second, unless the clock stood still or the value fell.
std::optional<Number> rate_between(const Point& from, const Point& to, bool falls_from_zero,
                                   std::optional<Drop>& drop) {
  const std::chrono::duration<double> elapsed = to.time.steady - from.time.steady;
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

void count_increase(Accumulator& series, const Sample& sample) {
  const bool fell = series.carried->last && sample.value < series.carried->last->value;
  if (series.carried->last || sample.flush_first_value) {
    Number increase;
    if (series.carried->last && !fell) {
      increase = sample.value - series.carried->last->value;
    } else if (sample.flush_first_value && !sample.value.is_negative()) {
      increase = sample.value;
    }
    series.value = series.value.value_or(Number()) + increase;
  }
}

}  // namespace

struct Aggregator::State {
  using Contexts = std::unordered_map<Context, Accumulator, ContextHash, SameSeries>;

  AggregatorOptions options;
  Contexts contexts;
  std::vector<Contexts::value_type*> sampled;  // in this run, in the order of their first sample
  std::vector<Contexts::value_type*> sampled_before;  // in the run before, while all are there
  std::vector<ServiceCheck> service_checks;
  std::vector<Event> events;
  std::uint64_t run = 1;
  std::uint64_t samples = 0;
  std::optional<Instant> last_commit;
  std::array<std::uint64_t, drop_names.size()> dropped{};

  void drop(Drop reason) { ++dropped.at(static_cast<std::size_t>(reason)); }

  [[nodiscard]] Point point(const Sample& sample) const {
    return {sample.value, sample.time ? *sample.time : options.clock()};
  }

  Contexts::value_type* find_or_add(const Sample& sample) {
    // Runs are alike: what came next the last time is the first guess.
    if (sampled.size() < sampled_before.size()) {
      auto* const next = sampled_before[sampled.size()];
      if (next->first == sample.context && next->second.type == sample.type) {
        return next;
      }
    }
    auto found = contexts.find(sample.context);
    if (found != contexts.end() && found->second.type != sample.type) {
      if (!found->second.is_kept()) {
        drop(Drop::type_conflict);
        return nullptr;
      }
      contexts.erase(found);  // the series had ended: another type may begin
      sampled_before.clear();
      found = contexts.end();
    }
    if (found == contexts.end()) {
      if (contexts.size() >= options.contexts_max) {
        drop(Drop::contexts);
        return nullptr;
      }
      found = contexts.emplace(sample.context, Accumulator(sample)).first;
    }
    return &*found;
  }

  void add(Accumulator& series, const Sample& sample) {
    switch (sample.type) {
      case MetricType::gauge:
        series.value = sample.value;
        series.set_quartiles(sample.quartiles);
        return;
      case MetricType::count:
      case MetricType::counter:
        series.totals = sample.value_is_total;
        series.value = series.value.value_or(Number()) + sample.value;
        series.carried->sum = series.totals ? sample.value : series.carried->sum + sample.value;
        return;
      case MetricType::rate:
        series.carried->last = point(sample);
        series.flush_first_value = sample.flush_first_value;
        return;
      case MetricType::monotonic_counter:
        count_increase(series, sample);
        series.carried->last = Point{sample.value, {}};
        return;
      case MetricType::histogram:
        add_to_distribution(*series.carried->distribution, sample.value);
        return;
      case MetricType::historate:
        add_rate(series, point(sample));
        return;
      case MetricType::set:
        series.carried->elements->add(sample.element, run);
        return;
    }
  }

  static void add_to_distribution(Distribution& distribution, const Number& value) {
    distribution.run.push_back(value);
    ++distribution.count;
    distribution.sum += value.to_double();
  }

  void add_rate(Accumulator& series, const Point& point) {
    if (series.carried->last) {
      std::optional<Drop> reason;
      if (const auto rate = rate_between(*series.carried->last, point, false, reason)) {
        add_to_distribution(*series.carried->distribution, *rate);
      } else {
        drop(*reason);
      }
    }
    series.carried->last = point;
  }

  // From the last sample of the run before to the last of this one: a context sampled twice in a
  // run would otherwise show the rate of the microseconds in between.
  void end_rate(Accumulator& series) {
    std::optional<Point> from = series.carried->previous;
    if (!from && series.flush_first_value && last_commit) {
      from = Point{Number(), *last_commit};
    }
    if (from) {
      std::optional<Drop> reason;
      series.value = rate_between(*from, *series.carried->last, series.flush_first_value, reason);
      if (reason) {
        drop(*reason);
      }
    }
    series.carried->previous = series.carried->last;
  }

  void end_series(const Context& context, Accumulator& series, Series& out, const Instant& now) {
    if (out.context != context) {
      out.context = context;
    }
    out.type = series.type;
    out.quartiles = series.carried ? std::move(series.carried->quartiles) : nullptr;
    out.time = now.wall;
    out.total.reset();
    switch (series.type) {
      case MetricType::gauge:
        out.total = series.value;
        break;
      case MetricType::count:
      case MetricType::counter:
        out.total = series.carried->sum;
        break;
      case MetricType::rate:
        end_rate(series);
        out.time = series.carried->last->time.wall;
        out.total = series.carried->last->value;
        break;
      case MetricType::monotonic_counter:
        out.total = series.carried->last->value;
        break;
      case MetricType::set:
        series.value = Number::of(series.carried->elements->end_run(run));
        break;
      case MetricType::histogram:
      case MetricType::historate:
        break;
    }
    if (series.carried && series.carried->distribution) {
      if (!out.distribution) {
        out.distribution.emplace();
      }
      // The vectors change places run by run, so that neither side allocates.
      std::swap(out.distribution->run, series.carried->distribution->run);
      series.carried->distribution->run.clear();
      out.distribution->count = series.carried->distribution->count;
      out.distribution->sum = series.carried->distribution->sum;
    } else {
      out.distribution.reset();
    }
    out.value = std::exchange(series.value, std::nullopt);
  }

  void expire(const Instant& now) {
    if (sampled.size() == contexts.size()) {
      std::swap(sampled, sampled_before);
      return;
    }
    sampled_before.clear();
    for (auto entry = contexts.begin(); entry != contexts.end();) {
      Accumulator& series = entry->second;
      const bool expired = run - series.run >= options.commits_to_expiry;
      if (expired && !series.is_kept() && series.is_stateful()) {
        series.carried->kept_until = now.steady + options.stateful_expiry;
      }
      const bool kept = series.is_kept() && now.steady < *series.carried->kept_until;
      entry = expired && !kept ? contexts.erase(entry) : std::next(entry);
    }
  }
};

Aggregator::Aggregator(AggregatorOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}

Aggregator::~Aggregator() = default;

void Aggregator::submit(const Sample& sample) {
  State& state = *state_;
  ++state.samples;
  if (!sample.value.is_finite()) {
    state.drop(Drop::not_finite);
    return;
  }
  auto* const entry = state.find_or_add(sample);
  if (entry == nullptr) {
    return;
  }
  Accumulator& series = entry->second;
  if (series.run != state.run) {
    series.run = state.run;
    if (series.carried) {
      series.carried->kept_until.reset();
    }
    state.sampled.push_back(entry);
  }
  state.add(series, sample);
}

void Aggregator::submit(const ServiceCheck& check) {
  state_->service_checks.push_back(check);
}

void Aggregator::submit(const Event& event) {
  state_->events.push_back(event);
}

void Aggregator::commit(Snapshot& snapshot) {
  State& state = *state_;
  const Instant now = state.options.clock();
  snapshot.time = now;
  snapshot.series.resize(state.sampled.size());
  for (std::size_t i = 0; i < state.sampled.size(); ++i) {
    auto& [context, series] = *state.sampled[i];
    state.end_series(context, series, snapshot.series[i], now);
  }
  state.expire(now);
  state.sampled.clear();
  std::swap(snapshot.service_checks, state.service_checks);
  state.service_checks.clear();
  std::swap(snapshot.events, state.events);
  state.events.clear();
  snapshot.samples = std::exchange(state.samples, 0);
  snapshot.dropped.clear();
  for (std::size_t i = 0; i < state.dropped.size(); ++i) {
    if (const std::uint64_t count = std::exchange(state.dropped.at(i), 0); count != 0) {
      snapshot.dropped.emplace(drop_names.at(i), count);
    }
  }
  state.last_commit = now;
  ++state.run;
}

std::size_t Aggregator::contexts() const {
  return state_->contexts.size();
}

}  // namespace heapwatch::metrics
