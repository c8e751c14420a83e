#include "pprof/grow.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "leak/series.h"
#include "pprof/go_heap.h"
#include "pprof/make_report.h"
#include "pprof/merge.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

// Beyond so many slopes the pairs that are half the series apart stand for all.
constexpr std::size_t slopes_max = 200'000'000;
// Growth of so many samples is twice as large as its error.
constexpr std::int64_t noise_samples = 4;
constexpr std::size_t long_series = 4;
constexpr double nearly_all_pairs = 0.8;
constexpr double enough_pairs = 0.25;      // that rise more than fall, for a direction
constexpr std::int64_t noise_percent = 1;  // of numbers of objects, whose error is not known

bool have_times(const std::vector<Snapshot>& snapshots) {
  return std::all_of(snapshots.begin(), snapshots.end(),
                     [](const Snapshot& snapshot) { return snapshot.profile.time_nanos != 0; });
}

void sort_by_time(std::vector<Snapshot>& snapshots, const Warn& warn) {
  const auto is_earlier = [](const Snapshot& a, const Snapshot& b) {
    return a.profile.time_nanos < b.profile.time_nanos;
  };
  if (std::is_sorted(snapshots.begin(), snapshots.end(), is_earlier)) {
    return;
  }
  warn("Snapshots are compared in the order of their times, not in that of the command line");
  std::stable_sort(snapshots.begin(), snapshots.end(), is_earlier);
}

/// Turns a profile into one with a sample type for each snapshot, of which it fills its own.
Profile spread(PreparedProfile prepared, std::size_t at, std::size_t count) {
  Profile& profile = prepared.profile;
  Samples samples;
  samples.set_type_count(count);
  std::vector<std::int64_t> values(count);
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    values[at] = prepared.value.of(std::as_const(profile.samples).values(i)).value();
    samples.append(profile.samples.frames(i), values, {});
  }
  profile.samples = std::move(samples);
  profile.sample_types.clear();
  for (std::size_t i = 0; i < count; ++i) {
    profile.sample_types.push_back({profile.strings.add(std::to_string(i)), 0});
  }
  profile.default_sample_type = 0;
  profile.period_type = {};
  profile.period = 0;
  // A program that is started anew stands elsewhere in memory: its functions are known by name, and
  // what has no name by where it is in its file.
  for (Location& location : profile.locations) {
    if (location.line_count != 0) {
      location.mapping = no_index;
    } else if (location.address == 0 && location.mapping != no_index) {
      location.address = profile.mappings[location.mapping].start;
    }
  }
  return std::move(profile);
}

/// How far values are from the truth by chance.
struct Noise {
  std::int64_t period = 0;  // one byte of so many is sampled; 0: all are
  bool is_of_bytes = false;
};

Noise noise_of(const Profile& profile, std::string_view unit) {
  const bool is_sampled = profile.text(profile.period_type.type) == "space" && profile.period > 1;
  return {is_sampled ? profile.period : 0, unit == "bytes"};
}

bool is_above(const Noise& noise, const StackGrowth& stack) {
  if (noise.period == 0) {
    return true;
  }
  const std::int64_t growth = wrapping_abs(stack.growth());
  if (!noise.is_of_bytes) {
    const std::int64_t larger = std::max(stack.values.front(), stack.values.back());
    return growth > larger / 100 * noise_percent;
  }
  if (growth >= wrapping_multiply(noise_samples, noise.period)) {
    return true;
  }
  return growth >= noise.period && stack.values.size() >= long_series &&
         std::abs(stack.monotonicity) >= nearly_all_pairs;
}

/// By the rules that call a series growth: at one rate, to the end. `counts`: which snapshots show
/// a state of their own.
bool grows_to_the_end(const StackGrowth& stack, const Noise& noise, std::span<const double> times,
                      const std::vector<bool>& counts) {
  std::vector<leak::Point> points;
  for (std::size_t i = 0; i < stack.values.size(); ++i) {
    const bool is_later = points.empty() || times[i] > points.back().at;
    if (counts[i] && is_later) {
      points.push_back({times[i], static_cast<double>(stack.values[i])});
    }
  }
  const double least = noise.is_of_bytes ? static_cast<double>(noise.period) : 0;
  return leak::find_course(points, {.least = least / 2}).course == leak::Course::grows;
}

Trend trend_of(const StackGrowth& stack, const Noise& noise, std::span<const double> times,
               const std::vector<bool>& counts) {
  const std::int64_t first = stack.values.front();
  const std::int64_t last = stack.values.back();
  if (first == last) {
    return Trend::steady;
  }
  if (first == 0) {
    return is_above(noise, stack) && grows_to_the_end(stack, noise, times, counts)
               ? Trend::grew
               : Trend::appeared;
  }
  if (last == 0) {
    return Trend::vanished;
  }
  if (!is_above(noise, stack)) {
    return Trend::steady;
  }
  if (last > first && stack.slope > 0 && stack.monotonicity >= enough_pairs) {
    return grows_to_the_end(stack, noise, times, counts) ? Trend::grew : Trend::rose;
  }
  if (last < first && stack.slope < 0 && stack.monotonicity <= -enough_pairs) {
    return Trend::shrank;
  }
  return Trend::steady;
}

double kendall(const std::vector<std::int64_t>& values) {
  std::int64_t rising = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j) {
      rising += values[j] > values[i] ? 1 : 0;
      rising -= values[j] < values[i] ? 1 : 0;
    }
  }
  const auto pairs = static_cast<double>(values.size() * (values.size() - 1)) / 2;
  return static_cast<double>(rising) / pairs;
}

double median(std::vector<double>& numbers) {
  if (numbers.empty()) {
    return 0;
  }
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::nth_element(numbers.begin(), middle, numbers.end());
  const double upper = *middle;
  if (numbers.size() % 2 == 1) {
    return upper;
  }
  return (*std::max_element(numbers.begin(), middle) + upper) / 2;
}

double slope_of_pairs(std::span<const double> times, std::span<const std::int64_t> values,
                      bool all_pairs) {
  std::vector<double> slopes;
  const std::size_t half = (values.size() + 1) / 2;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t first = all_pairs ? i + 1 : i + half;
    const std::size_t end = all_pairs ? values.size() : std::min(first + 1, values.size());
    for (std::size_t j = first; j < end; ++j) {
      const double time = times[j] - times[i];
      if (time <= 0) {
        continue;
      }
      slopes.push_back((static_cast<double>(values[j]) - static_cast<double>(values[i])) / time);
    }
  }
  return median(slopes);
}

class Series {
 public:
  Series(Profile merged, std::vector<double> times, std::vector<bool> counts, Noise noise)
      : merged_(std::move(merged)),
        times_(std::move(times)),
        counts_(std::move(counts)),
        noise_(noise) {}

  void rank(Growth& growth) {
    const std::size_t count = times_.size();
    const std::size_t pairs = count * (count - 1) / 2;
    const bool all_pairs = merged_.samples.size() <= slopes_max / pairs;
    const double span = times_.back() - times_.front();
    for (std::size_t i = 0; i < merged_.samples.size(); ++i) {
      const auto values = std::as_const(merged_.samples).values(i);
      StackGrowth stack;
      stack.sample = i;
      stack.values.assign(values.begin(), values.end());
      stack.slope = slope_of_pairs(times_, values, all_pairs);
      stack.monotonicity = kendall(stack.values);
      stack.score = stack.slope * span * std::max(0.0, stack.monotonicity);
      stack.trend = trend_of(stack, noise_, times_, counts_);
      growth.stacks.push_back(std::move(stack));
    }
    std::stable_sort(growth.stacks.begin(), growth.stacks.end(),
                     [](const StackGrowth& a, const StackGrowth& b) {
                       if (is_suspect(a.trend) != is_suspect(b.trend)) {
                         return is_suspect(a.trend);
                       }
                       if ((a.trend == Trend::grew) != (b.trend == Trend::grew)) {
                         return a.trend == Trend::grew;
                       }
                       if (a.score != b.score) {
                         return a.score > b.score;
                       }
                       if (a.growth() != b.growth()) {
                         return a.growth() > b.growth();
                       }
                       return a.values.back() > b.values.back();
                     });
    growth.profile = growth_profile(growth.unit);
  }

 private:
  Profile growth_profile(const std::string& unit) {
    Profile profile = std::move(merged_);
    Samples samples;
    samples.set_type_count(3);
    for (std::size_t i = 0; i < profile.samples.size(); ++i) {
      const auto values = std::as_const(profile.samples).values(i);
      const std::int64_t first = values.front();
      const std::int64_t last = values.back();
      const std::int64_t three[] = {wrapping_add(last, wrapping_negate(first)), first, last};
      samples.append(profile.samples.frames(i), three, {});
    }
    profile.samples = std::move(samples);
    const StringId unit_id = profile.strings.add(unit);
    profile.sample_types = {{profile.strings.add("growth"), unit_id},
                            {profile.strings.add("first"), unit_id},
                            {profile.strings.add("last"), unit_id}};
    profile.default_sample_type = profile.strings.add("growth");
    return profile;
  }

  Profile merged_;
  std::vector<double> times_;
  std::vector<bool> counts_;
  Noise noise_;
};

/// Tells where the program was started anew, and cuts off what was before when all snapshots are
/// fetched from it.
void heed_restarts(std::vector<Snapshot>& snapshots,
                   std::vector<std::optional<GoHeapState>>& states, const Warn& warn) {
  std::size_t first = 0;
  for (std::size_t i = 1; i < snapshots.size(); ++i) {
    if (states[i - 1] && states[i] && is_started_anew(*states[i - 1], *states[i])) {
      first = i;
    }
  }
  if (first == 0) {
    return;
  }
  const std::string when = "The program was started anew before snapshot " +
                           std::to_string(first + 1) + " of " + std::to_string(snapshots.size());
  if (snapshots.size() - first < 2) {
    warn(when + ": what it held before is gone, and the difference is not growth of one program");
    return;
  }
  warn(when + "; growth is measured from there on");
  snapshots.erase(snapshots.begin(), snapshots.begin() + static_cast<std::ptrdiff_t>(first));
  states.erase(states.begin(), states.begin() + static_cast<std::ptrdiff_t>(first));
}

/// False when the snapshots are of several sources, each fetched again and again.
bool is_of_one_program(const std::vector<Snapshot>& snapshots) {
  std::vector<std::string_view> names;
  names.reserve(snapshots.size());
  for (const Snapshot& snapshot : snapshots) {
    names.emplace_back(snapshot.name);
  }
  std::sort(names.begin(), names.end());
  const auto end = std::unique(names.begin(), names.end());
  const auto different = static_cast<std::size_t>(end - names.begin());
  return different == 1 || different == snapshots.size();
}

Result<std::vector<Profile>> prepare_all(std::vector<Snapshot>& snapshots,
                                         const ReportOptions& options, const Warn& warn,
                                         Growth& growth, Noise& noise) {
  std::vector<Profile> profiles;
  profiles.reserve(snapshots.size());
  for (Snapshot& snapshot : snapshots) {
    profiles.push_back(std::move(snapshot.profile));
  }
  if (auto compatible = make_compatible(profiles, warn); !compatible) {
    return tl::unexpected(compatible.error());
  }
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    GrowthSnapshot& told = growth.snapshots.emplace_back();
    told.name = std::move(snapshots[i].name);
    told.time_nanos = profiles[i].time_nanos;
    // What one says of a filter or a unit, all would.
    const Warn once = [&](const std::string& message) {
      if (i == 0) {
        warn(message);
      }
    };
    auto prepared = prepare_profile(std::move(profiles[i]), options, once);
    if (!prepared) {
      return tl::unexpected(prepared.error());
    }
    for (std::size_t at = 0; at < prepared->profile.samples.size(); ++at) {
      const auto values = std::as_const(prepared->profile.samples).values(at);
      told.total = wrapping_add(told.total, prepared->value.of(values).value());
    }
    growth.type = prepared->type;
    growth.unit = prepared->sample_unit;
    noise = noise_of(prepared->profile, growth.unit);
    profiles[i] = spread(std::move(*prepared), i, profiles.size());
  }
  return profiles;
}

}  // namespace

std::string_view trend_name(Trend trend) {
  switch (trend) {
    case Trend::grew:
      return "grew";
    case Trend::rose:
      return "rose";
    case Trend::shrank:
      return "shrank";
    case Trend::appeared:
      return "appeared";
    case Trend::vanished:
      return "vanished";
    case Trend::steady:
      return "steady";
  }
  return "";
}

Result<Growth> measure_growth(std::vector<Snapshot> snapshots, const ReportOptions& options,
                              const Warn& warn) {
  if (snapshots.size() < 2) {
    return fail(ErrorKind::invalid, "growth is seen between two profiles or more, not in " +
                                        std::to_string(snapshots.size()));
  }
  if (snapshots.size() > snapshots_max) {
    return fail(ErrorKind::limit, std::to_string(snapshots.size()) +
                                      " profiles; growth is measured over at most " +
                                      std::to_string(snapshots_max));
  }
  Growth growth;
  growth.has_times = have_times(snapshots);
  if (growth.has_times) {
    sort_by_time(snapshots, warn);
  }
  std::vector<std::optional<GoHeapState>> states(snapshots.size());
  if (is_of_one_program(snapshots)) {
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
      states[i] = go_heap_state(snapshots[i].profile);
    }
    heed_restarts(snapshots, states, warn);
  }
  const std::int64_t start = snapshots.front().profile.time_nanos;
  growth.has_times = growth.has_times && snapshots.back().profile.time_nanos > start;
  std::vector<double> times;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    const auto nanos = static_cast<double>(snapshots[i].profile.time_nanos - start);
    times.push_back(growth.has_times ? nanos / 1e9 : static_cast<double>(i));
  }
  Noise noise;
  auto profiles = prepare_all(snapshots, options, warn, growth, noise);
  if (!profiles) {
    return tl::unexpected(profiles.error());
  }
  for (std::size_t i = 1; i < states.size(); ++i) {
    growth.snapshots[i].is_repeated =
        states[i - 1] && states[i] && is_same_state(*states[i - 1], *states[i]);
  }
  auto merged = merge(std::move(*profiles));
  if (!merged) {
    return tl::unexpected(merged.error());
  }
  std::vector<bool> counts;
  for (const GrowthSnapshot& snapshot : growth.snapshots) {
    counts.push_back(!snapshot.is_repeated);
  }
  Series(std::move(*merged), std::move(times), std::move(counts), noise).rank(growth);
  return growth;
}

}  // namespace heapwatch::pprof
