#include "leak/series.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace heapwatch::leak {

namespace {

/// How far Kendall's z of the minima has to be above 0.
constexpr double kendall_min = 2.33;
/// What Student's t of the steps has to be: a series that wanders gets there once in some hundred
/// times, and seldom grows at one rate at the same time.
constexpr double steadiness_min = 3.5;
/// A late rate under that part of the early one is slower, without a test.
constexpr double slow_ratio = 0.5;
/// Under that, it is slower when the steps tell so, too.
constexpr double maybe_slow_ratio = 0.85;
constexpr double slow_t = 2.5;
constexpr double stopped_ratio = 0.1;
/// Of the mean of all steps before: what the last ones have at least while growth goes on.
constexpr double tail_share_min = 0.3;
constexpr double tail_z = 3.5;
constexpr double late_part = 0.15;  // of the time
constexpr std::size_t late_values_max = 200;
constexpr double fast_ratio = 2.0;
/// Of all growth: what one stretch may hold of growth that is a rate.
constexpr double step_share_max = 0.4;
constexpr double rising_share_min = 0.6;  // of the steps

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) {
    sum += (value - middle) * (value - middle);
  }
  return values.size() < 2 ? 0 : sum / static_cast<double>(values.size() - 1);
}

/// The minima as they would be at equal distances of time: moved along the line to where they
/// belong. Looks come late on a busy machine, and steps are to be of growth and not of delays.
std::vector<double> evened(std::span<const Point> minima, double rate) {
  std::vector<double> values;
  const double begin = minima.front().at;
  const double apart = (minima.back().at - begin) / static_cast<double>(minima.size() - 1);
  for (std::size_t i = 0; i < minima.size(); ++i) {
    const double due = begin + apart * static_cast<double>(i);
    values.push_back(minima[i].value + rate * (due - minima[i].at));
  }
  return values;
}

/// From one to the next.
std::vector<double> steps_of(std::span<const double> values) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < values.size(); ++i) {
    steps.push_back(values[i] - values[i - 1]);
  }
  return steps;
}

/// Student's t of a mean against 0. Steps without any scatter are as certain as can be.
double t_of(std::span<const double> steps) {
  const double middle = mean(steps);
  const double error = std::sqrt(variance(steps) / static_cast<double>(steps.size()));
  if (error <= std::abs(middle) * 1e-6) {
    return middle > 0 ? 1e6 : 0;
  }
  return middle / error;
}

/// Welch's t of how far the early steps are above the late ones.
double t_between(std::span<const double> early, std::span<const double> late) {
  const double error = std::sqrt(variance(early) / static_cast<double>(early.size()) +
                                 variance(late) / static_cast<double>(late.size()));
  const double apart = mean(early) - mean(late);
  return error <= std::abs(apart) * 1e-6 ? (apart > 0 ? 1e6 : 0) : apart / error;
}

bool is_spread(std::span<const double> steps) {
  const double growth = mean(steps) * static_cast<double>(steps.size());
  std::size_t rises = 0;
  for (const double step : steps) {
    if (step > step_share_max * growth) {
      return false;
    }
    rises += step > 0 ? 1 : 0;
  }
  return static_cast<double>(rises) >= rising_share_min * static_cast<double>(steps.size());
}

/// The last steps are nearly nothing, by more than steps scatter: what was growth has an end, as
/// far as can be seen.
bool has_just_stopped(std::span<const double> steps) {
  for (const std::size_t tail : {std::size_t{1}, std::size_t{2}}) {
    const std::span<const double> before = steps.first(steps.size() - tail);
    const double usual = mean(before);
    const double last = mean(steps.last(tail));
    const double error = std::sqrt(variance(before) / static_cast<double>(tail));
    if (last < tail_share_min * usual && usual - last > tail_z * error) {
      return true;
    }
  }
  return false;
}

/// The same of the values of the last part of the time, garbage and all.
bool stands_still_lately(std::span<const Point> points, double rate) {
  const double begin = points.back().at - late_part * (points.back().at - points.front().at);
  const auto first = std::find_if(points.begin(), points.end(),
                                  [begin](const Point& point) { return point.at >= begin; });
  const auto count = static_cast<std::size_t>(points.end() - first);
  if (count < series_values_min) {
    return false;
  }
  const Rate late = base::theil_sen(points.last(std::min(count, late_values_max)));
  return late.value < tail_share_min * rate && late.high < slow_ratio * rate;
}

bool is_slower(std::span<const double> all, double ratio) {
  if (ratio < slow_ratio || has_just_stopped(all)) {
    return true;
  }
  const std::size_t half = all.size() / 2;
  return ratio < maybe_slow_ratio && half >= 2 &&
         t_between(all.first(half), all.last(half)) > slow_t;
}

/// Grew in its first part, and since then stays near the level it has come to.
bool has_stopped(std::span<const Point> minima, double least, double late_growth) {
  const std::span<const Point> late = base::second_half(minima);
  const double level = base::median(base::values_of(late));
  const double growth = level - minima.front().value;
  const auto [low, high] = std::minmax_element(
      late.begin(), late.end(), [](const Point& a, const Point& b) { return a.value < b.value; });
  return growth > least && std::abs(late_growth) <= std::max(0.1 * growth, least / 4) &&
         high->value - low->value < growth / 2;
}

Course course_of(std::span<const Point> minima, std::span<const double> steps,
                 const SeriesResult& result, double least, const Rate& late) {
  const std::span<const Point> late_half = base::second_half(minima);
  const double late_growth = late.value * (late_half.back().at - late_half.front().at);
  const std::vector<double> levels = base::values_of(minima);
  const auto [low, high] = std::minmax_element(levels.begin(), levels.end());
  const bool rises =
      base::kendall(levels).z > kendall_min && result.growth > least && result.rate.low > 0;
  if (!rises) {
    if (has_stopped(minima, least, late_growth)) {
      return Course::filled;
    }
    const bool is_small = *high - *low <= 2 * least || result.growth < 0;
    return is_small || levels.back() - levels.front() <= least / 2 ? Course::flat : Course::varies;
  }
  if (result.late_ratio < stopped_ratio) {
    return Course::filled;
  }
  if (is_slower(steps, result.late_ratio)) {
    return Course::slows;
  }
  if (!is_spread(steps)) {
    return Course::jumps;
  }
  if (result.late_ratio > fast_ratio) {
    return Course::accelerates;
  }
  return result.steadiness >= steadiness_min ? Course::grows : Course::varies;
}

/// Means of stretches of time that both series have.
std::vector<double> means_of(std::span<const Point> points, double begin, double length,
                             std::size_t stretches) {
  std::vector<double> sums(stretches, 0);
  std::vector<double> counts(stretches, 0);
  for (const Point& point : points) {
    const double place = (point.at - begin) / length * static_cast<double>(stretches);
    const auto index =
        static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(stretches) - 1));
    sums[index] += point.value;
    counts[index] += 1;
  }
  for (std::size_t i = 0; i < stretches; ++i) {
    sums[i] = counts[i] > 0 ? sums[i] / counts[i] : std::numeric_limits<double>::quiet_NaN();
  }
  return sums;
}

}  // namespace

std::string_view name_of(Course course) {
  switch (course) {
    case Course::too_few:
      return "too_few";
    case Course::flat:
      return "flat";
    case Course::grows:
      return "grows";
    case Course::slows:
      return "slows";
    case Course::filled:
      return "filled";
    case Course::accelerates:
      return "accelerates";
    case Course::jumps:
      return "jumps";
    case Course::varies:
      return "varies";
  }
  return "";
}

std::vector<Point> minima_of(std::span<const Point> points, std::size_t stretches) {
  if (points.size() <= stretches) {
    return {points.begin(), points.end()};
  }
  std::vector<Point> minima;
  const double begin = points.front().at;
  const double length = (points.back().at - begin) / static_cast<double>(stretches);
  std::size_t next = 0;
  for (std::size_t i = 0; i < stretches && next < points.size(); ++i) {
    const double end = begin + length * static_cast<double>(i + 1);
    const bool is_last = i + 1 == stretches;
    const Point* least = nullptr;
    for (; next < points.size() && (is_last || points[next].at < end); ++next) {
      least = least == nullptr || points[next].value < least->value ? &points[next] : least;
    }
    if (least != nullptr) {
      minima.push_back(*least);
    }
  }
  return minima;
}

SeriesResult find_course(std::span<const Point> points, const SeriesOptions& options) {
  SeriesResult result;
  result.values = points.size();
  if (points.size() < series_values_min) {
    return result;
  }
  // Two values a stretch, so that a minimum is one.
  const std::size_t stretches = std::clamp(points.size() / 2, series_values_min,
                                           std::max(options.stretches, series_values_min));
  const std::vector<Point> all_minima = minima_of(points, stretches);
  if (all_minima.size() < series_values_min) {
    return result;
  }
  const std::span<const Point> minima(all_minima);
  const std::span<const Point> late_half = base::second_half(minima);
  result.rate = base::theil_sen(minima);
  result.growth = result.rate.value * (points.back().at - points.front().at);
  result.level = base::median(base::values_of(late_half));
  const std::vector<double> steps = steps_of(evened(minima, result.rate.value));
  result.steadiness = t_of(steps);
  const Rate early = base::theil_sen(base::first_half(minima));
  const Rate late = base::theil_sen(late_half);
  if (early.value > 0) {
    result.late_ratio = late.value / early.value;
  } else if (late.value > 0) {
    result.late_ratio = fast_ratio * 2;
  }
  const double least = std::max(options.least, options.least_share * std::abs(result.level));
  result.course = course_of(minima, steps, result, least, late);
  if (result.course == Course::grows && stands_still_lately(points, result.rate.value)) {
    result.course = Course::slows;
  }
  return result;
}

double correlation(std::span<const Point> one, std::span<const Point> other,
                   std::size_t stretches) {
  if (one.size() < 3 || other.size() < 3) {
    return 0;
  }
  const double begin = std::max(one.front().at, other.front().at);
  const double length = std::min(one.back().at, other.back().at) - begin;
  if (length <= 0) {
    return 0;
  }
  const std::vector<double> a = means_of(one, begin, length, stretches);
  const std::vector<double> b = means_of(other, begin, length, stretches);
  std::vector<double> x;
  std::vector<double> y;
  for (std::size_t i = 0; i < stretches; ++i) {
    if (!std::isnan(a[i]) && !std::isnan(b[i])) {
      x.push_back(a[i]);
      y.push_back(b[i]);
    }
  }
  const double mean_x = mean(x);
  const double mean_y = mean(y);
  double product = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    product += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const double scale = std::sqrt(variance(x) * variance(y)) * static_cast<double>(x.size() - 1);
  return x.size() < 3 || scale <= 0 ? 0 : product / scale;
}

}  // namespace heapwatch::leak
