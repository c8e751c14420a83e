// What grows from profile to profile: the stacks of a series, ranked as suspects of a leak.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/options.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

/// More are refused: every pair of them is looked at, for each stack.
inline constexpr std::size_t snapshots_max = 1000;

enum class Trend : std::uint8_t { grew, rose, shrank, appeared, vanished, steady };
[[nodiscard]] std::string_view trend_name(Trend trend);
[[nodiscard]] constexpr bool is_suspect(Trend trend) {
  return trend == Trend::grew || trend == Trend::rose || trend == Trend::appeared;
}

struct Snapshot {
  std::string name;  // where it comes from, for people
  Profile profile;
};

/// One stack over all snapshots.
struct StackGrowth {
  std::size_t sample = 0;            // in Growth::profile
  std::vector<std::int64_t> values;  // one for each snapshot
  Trend trend = Trend::steady;       // of the last against the first, above the noise
  /// Theil-Sen: the median of the slopes between all pairs of snapshots, for each unit of time.
  /// Half the snapshots have to be wrong before it is.
  double slope = 0;
  /// Kendall: (pairs that rise - pairs that fall) / pairs; 1 when it never falls or stays.
  double monotonicity = 0;
  /// What it grew by its slope, weighed by how steadily; suspects have the highest.
  double score = 0;

  [[nodiscard]] std::int64_t growth() const {
    return wrapping_add(values.back(), wrapping_negate(values.front()));
  }
};

struct GrowthSnapshot {
  std::string name;
  std::int64_t time_nanos = 0;  // 0 when the profiles do not tell
  std::int64_t total = 0;
  /// As the one before it: Go collected no garbage between them, so nothing is to be seen.
  bool is_repeated = false;
};

struct Growth {
  std::string type;  // of the values
  std::string unit;
  bool has_times = false;  // slopes are for each second; without times for each snapshot
  std::vector<GrowthSnapshot> snapshots;
  std::vector<StackGrowth> stacks;  // the most suspect first: what grew or appeared
  /// The stacks as samples, whose values are `growth` (the last less the first), `first` and
  /// `last`; for flame graphs and other reports.
  Profile profile;
};

/// Compares the snapshots stack by stack. The options choose the value, filter, and say what a
/// frame is; labels do not tell stacks apart. Snapshots that tell their times are put into their
/// order. Where the program was started anew, the series begins with the last start, if two
/// snapshots remain.
///
/// A stack rose or shrank when its slope and most of its pairs say so, too, and by more than
/// sampling makes by chance. Of a heap profile of which one byte in P is sampled that is 4 P, at
/// which growth is twice its own error; or P, when a series of four or more rises nearly all the
/// way. It grew when, besides, it rises at one rate to the end, by the rules of leak/series.h: that
/// takes six snapshots that differ in state.
///
/// Errors: invalid for less than two snapshots, or ones that measure different things; limit.
[[nodiscard]] base::Result<Growth> measure_growth(std::vector<Snapshot> snapshots,
                                                  const ReportOptions& options, const Warn& warn);

/// The suspects as people read them: at most options.nodecount, whatever they did; when that is not
/// set, what grew or appeared, and at most ten of those.
[[nodiscard]] std::string growth_text(const Growth& growth, const ReportOptions& options);
/// All of them, or at most options.nodecount when that is set.
[[nodiscard]] std::string growth_json(const Growth& growth, const ReportOptions& options);

/// What to say of snapshots that show one state of a Go program; `collects` when it was asked to
/// collect its garbage before each. Empty when there are none.
[[nodiscard]] std::string repeats_sentence(const Growth& growth, bool collects);

}  // namespace heapwatch::pprof
