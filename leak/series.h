// What a series of measurements does, told so that it takes much to be called growth.
//
// A leak is memory that is kept at a rate. A cache that fills, a program that starts, a load that
// rises and garbage that waits to be collected grow, too, for as long as one looks. So growth
// alone says little, and a trend test on all values says least: one value is like the one before
// it, and such a test takes their wander for a trend in a third of all series that do not grow.
// What is asked instead, one after another:
//
//   minima   Time is cut into stretches, and of each the least value counts: what is made and
//            thrown away again is in the series and not in its minima.
//   size     The growth over the whole is more than so many bytes and such a part of the level.
//   steps    The steps from minimum to minimum are larger than their own scatter. A series that
//            wanders has steps that are independent of one another, with a mean of nothing; so
//            Student's t of the steps is small in it, however long it wandered one way. Kendall's
//            test, which takes the minima to be independent, does not see the difference.
//   late     The second half grows like the first. What fills slows down.
//   spread   No stretch holds most of the growth: one jump is not a rate.
//
// The bars that this holds, on simulated series, are in tests/leak/series_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/trend.h"

namespace heapwatch::leak {

inline constexpr double kib = 1024;
inline constexpr double mib = 1024 * kib;

/// `at` in seconds.
using Point = base::Point;
/// Of a second.
using Rate = base::Slope;

enum class Course : std::uint8_t {
  too_few,      // values to say anything
  flat,         // no growth that counts
  grows,        // at one rate, all the time
  slows,        // still grows, slower than before
  filled,       // grew, and has stopped
  accelerates,  // grows much faster than before
  jumps,        // its growth is in few steps
  varies,       // goes up and down, or too little is certain
};
[[nodiscard]] std::string_view name_of(Course course);

struct SeriesOptions {
  double least = 512.0 * 1024;  // growth that counts
  double least_share = 0.005;   // the same, as a part of the level
  std::size_t stretches = 12;
};

struct SeriesResult {
  Course course = Course::too_few;
  Rate rate;          // by Theil and Sen, with an interval of 95 %
  double growth = 0;  // over the whole time, by that rate
  /// Student's t of the steps from minimum to minimum: how far growth is above wander.
  double steadiness = 0;
  double late_ratio = 1;  // of the late rate to the early one; 1 where there is no early one
  double level = 0;       // that it has come to
  std::size_t values = 0;
};

/// Fewer say nothing.
inline constexpr std::size_t series_values_min = 6;

/// The least of each of so many stretches of equal time; each value where there are no more.
/// `points`: by time.
[[nodiscard]] std::vector<Point> minima_of(std::span<const Point> points, std::size_t stretches);

/// `points`: by time, no two at one time.
[[nodiscard]] SeriesResult find_course(std::span<const Point> points,
                                       const SeriesOptions& options = {});

/// Of two series over the same stretches of time, Pearson's correlation of the stretches' means; 0
/// where either does not change.
[[nodiscard]] double correlation(std::span<const Point> one, std::span<const Point> other,
                                 std::size_t stretches = 12);

}  // namespace heapwatch::leak
