// Whether growth follows the load.
//
// Memory that requests, sessions or workers have while they are there grows with their number. It
// is told by a signal of the load that grows at the same time, by a part that counts, and whose
// curve is that of the memory. CPU time is the weakest of them: work on a growing heap takes more
// of it, too. A straight line correlates with any other, so the load has to grow in proportion.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "leak/signals.h"

namespace heapwatch::leak {

namespace {

constexpr double correlation_min = 0.9;
constexpr double load_growth_min = 0.2;  // of the load at the beginning
constexpr double cpu_growth_min = 0.3;
constexpr double cpu_min = 0.02;  // of a core: less says nothing

struct Load {
  std::vector<Point> points;
  const char* name = "";
  double growth_min = load_growth_min;
  double least = 0;  // change that counts
  const char* unit = "";
  double scale = 1;
};

/// CPU time per second, between looks that are a second apart or more.
std::vector<Point> cpu_rate(const Watch& watch) {
  std::vector<Point> rates;
  const Look* before = nullptr;
  for (const Look& look : watch.looks) {
    if (!look.cpu_seconds) {
      continue;
    }
    if (before != nullptr && look.at - before->at < 1) {
      continue;
    }
    if (before != nullptr) {
      rates.push_back({(look.at + before->at) / 2,
                       (*look.cpu_seconds - *before->cpu_seconds) / (look.at - before->at)});
    }
    before = &look;
  }
  return rates;
}

double mean_of(const std::vector<Point>& points, double begin, double end) {
  double sum = 0;
  double count = 0;
  for (const Point& point : points) {
    if (point.at >= begin && point.at <= end) {
      sum += point.value;
      count += 1;
    }
  }
  return count > 0 ? sum / count : 0;
}

std::string text_of(double value, const Load& load) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.0f%s", value * load.scale, load.unit);
  return text.data();
}

std::string follows(const Load& load, const Signal& signal) {
  if (load.points.size() < series_values_min) {
    return "";
  }
  const double begin = load.points.front().at;
  const double third = (load.points.back().at - begin) / 3;
  const double first = mean_of(load.points, begin, begin + third);
  const double last = mean_of(load.points, begin + 2 * third, begin + 3 * third);
  const bool grows = last - first >= load.least && last - first >= load.growth_min * first;
  if (!grows || correlation(load.points, signal.points) < correlation_min) {
    return "";
  }
  return std::string(load.name) + " went from " + text_of(first, load) + " to " +
         text_of(last, load);
}

}  // namespace

std::string load_behind(const Watch& watch, const Signal& signal) {
  std::vector<Load> loads{
      {.points = numbers_of(watch, [](const Look& look) { return look.connections; }),
       .name = "open connections",
       .least = 4},
      {.points = cpu_rate(watch),
       .name = "CPU time",
       .growth_min = cpu_growth_min,
       .least = cpu_min,
       .unit = " %",
       .scale = 100}};
  const bool may_be_threads = signal.space != "stack" && signal.space != "files";
  if (may_be_threads && signal.space != "goroutine") {
    loads.push_back({.points = numbers_of(watch, [](const Look& look) { return look.threads; }),
                     .name = "threads",
                     .least = 4});
  }
  for (const Load& load : loads) {
    if (std::string text = follows(load, signal); !text.empty()) {
      return text;
    }
  }
  return "";
}

}  // namespace heapwatch::leak
