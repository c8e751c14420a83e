#include "base/trend.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace heapwatch::base {

namespace {

/// Of the growth: a second half that rises by less than that, or falls, has stopped.
constexpr double late_share_min = 0.05;
/// Of the growth: what a stretch may hold of growth that is spread.
constexpr double stretch_share_max = 0.4;
/// Of the early slope: what a leak's late slope has at least; and the same of the second half
/// alone, where a warm-up that slows down looks straighter than it is.
constexpr double late_slope_min = 0.5;
constexpr double late_slope_of_half_min = 0.75;

double median_of_sorted(const std::vector<double>& sorted) {
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/// The variance of Kendall's count for values of which `ties` are equal, each by its number.
double kendall_variance(std::size_t count, const std::map<double, std::size_t>& ties) {
  const auto term = [](double n) { return n * (n - 1) * (2 * n + 5); };
  double sum = term(static_cast<double>(count));
  for (const auto& [value, equal] : ties) {
    sum -= term(static_cast<double>(equal));
  }
  return sum / 18;
}

bool is_spread(const std::vector<double>& minima) {
  const double growth = minima.back() - minima.front();
  if (growth <= 0) {
    return false;
  }
  std::size_t rises = 0;
  for (std::size_t i = 1; i < minima.size(); ++i) {
    const double step = minima[i] - minima[i - 1];
    if (step > stretch_share_max * growth) {
      return false;
    }
    rises += step > 0 ? 1 : 0;
  }
  return rises * 11 >= (minima.size() - 1) * 8;
}

/// The first index from which on all values are near the level that the series has reached.
std::size_t last_rise_of(std::span<const double> values, double reached, double growth) {
  const double level = reached - late_share_min * growth;
  std::size_t index = 0;
  while (index + 1 < values.size() && values[index] < level) {
    ++index;
  }
  return index;
}

/// Of values too few for a test: what their last steps do.
Trend trend_of_few(std::span<const double> values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (values.size() < 2 || *least == *most) {
    return Trend::flat;
  }
  if (!std::is_sorted(values.begin(), values.end())) {
    return values.back() <= values.front() ? Trend::flat : Trend::varies;
  }
  return values[values.size() - 1] > values[values.size() - 2] ? Trend::grows : Trend::stopped;
}

/// The value that a series has come to.
double level_of(std::span<const Point> minima) {
  return median(values_of(second_half(minima)));
}

/// What a whole series does, or a half of one, by its minima. `growth`: to the level it has come
/// to.
Trend trend_of_minima(std::span<const Point> minima, double least, double growth, double certainty,
                      double slope_ratio_min) {
  const std::span<const Point> late_minima = second_half(minima);
  const Slope whole = theil_sen(minima);
  const Slope early = theil_sen(first_half(minima));
  const Slope late = theil_sen(late_minima);
  const bool rises = kendall(values_of(minima)).z > certainty &&
                     whole.value * (minima.back().at - minima.front().at) > least;
  if (rises && late.value > slope_ratio_min * early.value && late.value > 0) {
    return Trend::grows;
  }
  const double late_growth = late.value * (late_minima.back().at - late_minima.front().at);
  const auto [low, high] = std::minmax_element(
      late_minima.begin(), late_minima.end(),
      [](const Point& left, const Point& right) { return left.value < right.value; });
  if (growth > least && std::abs(late_growth) <= late_share_min * growth &&
      high->value - low->value < growth / 2) {
    return Trend::stopped;
  }
  return rises && late_growth > 0 ? Trend::slows : Trend::varies;
}

/// Of the second half of a series alone, that it grows as steadily as no warm-up does.
bool grows_lately(std::span<const double> values, double least, const TrendOptions& options) {
  const std::span<const double> rest = second_half(values);
  const std::vector<Point> minima =
      stretch_minima(rest, std::max<std::size_t>(options.stretches, 2));
  return rest.size() >= options.stretches &&
         trend_of_minima(minima, least, level_of(minima) - rest.front(), options.certainty,
                         late_slope_of_half_min) == Trend::grows;
}

}  // namespace

std::string_view to_text(Trend trend) {
  switch (trend) {
    case Trend::flat:
      return "flat";
    case Trend::grows:
      return "grows";
    case Trend::slows:
      return "slows";
    case Trend::stopped:
      return "stopped";
    case Trend::varies:
      return "varies";
  }
  return "";
}

std::vector<double> values_of(std::span<const Point> points) {
  std::vector<double> values;
  values.reserve(points.size());
  for (const Point& point : points) {
    values.push_back(point.value);
  }
  return values;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : median_of_sorted(values);
}

Kendall kendall(std::span<const double> values) {
  Kendall result;
  std::map<double, std::size_t> ties;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ++ties[values[i]];
    for (std::size_t k = i + 1; k < values.size(); ++k) {
      result.s += (values[k] > values[i] ? 1 : 0) - (values[k] < values[i] ? 1 : 0);
    }
  }
  const double variance = kendall_variance(values.size(), ties);
  if (result.s != 0 && variance > 0) {
    // One pair nearer to 0, since the count moves in steps.
    const double nearer = static_cast<double>(result.s) + (result.s > 0 ? -1 : 1);
    result.z = nearer / std::sqrt(variance);
  }
  return result;
}

Slope theil_sen(std::span<const Point> points, double z) {
  if (points.size() < 2) {
    return {};
  }
  std::map<double, std::size_t> ties;
  std::vector<double> slopes;
  slopes.reserve(points.size() * (points.size() - 1) / 2);
  for (std::size_t i = 0; i < points.size(); ++i) {
    ++ties[points[i].value];
    for (std::size_t k = i + 1; k < points.size(); ++k) {
      slopes.push_back((points[k].value - points[i].value) / (points[k].at - points[i].at));
    }
  }
  std::sort(slopes.begin(), slopes.end());
  const auto count = static_cast<double>(slopes.size());
  const double reach = z * std::sqrt(std::max(0.0, kendall_variance(points.size(), ties)));
  const auto at = [&](double rank) {
    return slopes[static_cast<std::size_t>(std::clamp(rank, 0.0, count - 1))];
  };
  return {.value = median_of_sorted(slopes),
          .low = at(std::floor((count - reach) / 2) - 1),
          .high = at(std::ceil((count + reach) / 2))};
}

std::vector<Point> stretch_minima(std::span<const double> values, std::size_t stretches) {
  const std::size_t count = std::min(stretches, values.size());
  std::vector<Point> minima;
  minima.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t least = i * values.size() / count;
    for (std::size_t k = least; k < (i + 1) * values.size() / count; ++k) {
      least = values[k] < values[least] ? k : least;
    }
    minima.push_back({.at = static_cast<double>(least), .value = values[least]});
  }
  return minima;
}

TrendResult find_trend(std::span<const double> values, const TrendOptions& options) {
  TrendResult result;
  if (values.size() < 2) {
    return result;
  }
  const std::vector<Point> points =
      stretch_minima(values, std::max<std::size_t>(options.stretches, 2));
  const std::span<const Point> minima(points);
  result.late = theil_sen(minima.last(std::max<std::size_t>(2, second_half(minima).size())));
  result.growth = level_of(minima) - values.front();
  result.is_spread = is_spread(values_of(minima));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low == *high) {
    return result;
  }
  const double least = std::max(options.least, options.least_share * level_of(minima));
  if (values.size() < trend_values_min) {
    result.trend = trend_of_few(values);
    result.growth = values.back() - values.front();
  } else {
    result.is_certain = true;
    result.trend = trend_of_minima(minima, least, result.growth, options.certainty, late_slope_min);
    if (options.may_skip_half && result.trend != Trend::grows &&
        grows_lately(values, least, options)) {
      result.trend = Trend::grows;
    }
    if (result.trend == Trend::varies && *high - *low <= least) {
      result.trend = Trend::flat;
    }
  }
  if (result.trend == Trend::stopped) {
    result.last_rise = last_rise_of(values, values.front() + result.growth, result.growth);
  }
  return result;
}

}  // namespace heapwatch::base
