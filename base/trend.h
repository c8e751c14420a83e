// Whether a series of measurements grows, by statistics that single odd values do not move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace heapwatch::base {

/// Kendall's count over all pairs: those that rise less those that fall.
struct Kendall {
  std::int64_t s = 0;
  double z = 0;  // of the Mann-Kendall test, with ties; 0 when all values are equal
};
[[nodiscard]] Kendall kendall(std::span<const double> values);

/// Of a step from one value to the next.
struct Slope {
  double value = 0;
  double low = 0;  // the interval around it
  double high = 0;
};
/// A value and when it was measured, in steps.
struct Point {
  double at = 0;
  double value = 0;
  bool operator==(const Point&) const = default;
};

[[nodiscard]] std::vector<double> values_of(std::span<const Point> points);
/// 0 of no values.
[[nodiscard]] double median(std::vector<double> values);

/// The halves of a series; of an odd number of values the middle one is in both.
template <typename Value>
[[nodiscard]] std::span<const Value> first_half(std::span<const Value> values) {
  return values.first((values.size() + 1) / 2);
}
template <typename Value>
[[nodiscard]] std::span<const Value> second_half(std::span<const Value> values) {
  return values.last((values.size() + 1) / 2);
}

/// Theil and Sen's: the median of the slopes of all pairs, with the interval of Sen (1968), which
/// is made of order statistics of the same slopes. `z`: of the interval, 1.96 for 95 %. Nothing but
/// 0 for fewer than two points. Time and room: the square of their number. No two at the same time.
[[nodiscard]] Slope theil_sen(std::span<const Point> points, double z = 1.96);

/// The least value of each of so many stretches of the same length, give or take one value, where
/// it is first met; each value when there are no more.
[[nodiscard]] std::vector<Point> stretch_minima(std::span<const double> values,
                                                std::size_t stretches);

/// What a series does.
enum class Trend {
  flat,     // nothing that counts
  grows,    // as fast lately as before
  slows,    // still grows, less than half as fast as before
  stopped,  // grew, and has not lately
  varies,   // goes up and down
};
[[nodiscard]] std::string_view to_text(Trend trend);

struct TrendOptions {
  /// Stretches whose minima are looked at: what is made and thrown away is in the series, not in
  /// its minima.
  std::size_t stretches = 12;
  double certainty =
      2.33;                // how far z of the minima has to be above 0: once in a hundred by chance
  double least = 0;        // growth over the whole series that counts
  double least_share = 0;  // the same, as a part of the middle value
  /// Whether a series that slows down is looked at again without its first half. It tells a leak
  /// behind a long warm-up from the warm-up; in a noisy series it finds more that is none.
  bool may_skip_half = false;
};

struct TrendResult {
  Trend trend = Trend::flat;
  /// False with fewer than trend_values_min values: then `trend` is what there is to see in so few.
  bool is_certain = false;
  Slope late;         // a step, in the second half
  double growth = 0;  // from the first value to the level of the second half's minima
  /// No growth after this index; 0 unless the series has stopped.
  std::size_t last_rise = 0;
  /// Growth is spread over the series: no stretch holds 40 % of it. Leaks whose memory doubles now
  /// and then are not; all that is, is a leak or a cache that has not reached its bound.
  bool is_spread = false;
};

/// Kendall's test cannot be certain of fewer.
inline constexpr std::size_t trend_values_min = 6;

/// By the rule that has the fewest false alarms on simulated series without losing leaks: the
/// minima of stretches rise; by more than the least that counts; and in the second half at more
/// than half of the rate of the first. It looks at `stretches` numbers, so its time is that of one
/// pass.
[[nodiscard]] TrendResult find_trend(std::span<const double> values,
                                     const TrendOptions& options = {});

}  // namespace heapwatch::base
