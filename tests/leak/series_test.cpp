// The error rates of find_course() on simulated series, with fixed seeds.
#include "leak/series.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>

namespace heapwatch::leak {
namespace {

constexpr double mb = 1e6;
constexpr int series_count = 200;

using Random = std::mt19937_64;
/// What a series is at a second; `Random` is its own.
using Shape = std::function<double(double)>;
using Make = std::function<Shape(Random&)>;

std::vector<Point> sample(const Shape& shape, int seconds, int every) {
  std::vector<Point> points;
  for (int at = 0; at < seconds; ++at) {
    const double value = shape(at);
    if (at % every == 0) {
      points.push_back({static_cast<double>(at), value});
    }
  }
  return points;
}

double normal(Random& random, double sd) {
  return std::normal_distribution<double>(0, sd)(random);
}

/// Noise whose value is `keep` of the one before it.
Shape wander(Random& random, double keep, double sd) {
  return [&random, keep, sd, state = normal(random, sd)](double) mutable {
    state = keep * state + normal(random, sd * std::sqrt(1 - keep * keep));
    return 200 * mb + state;
  };
}

Shape saw(Random& random, double height, double period, double leak_per_s) {
  const double phase = std::uniform_real_distribution<double>(0, period)(random);
  return [&random, height, period, phase, leak_per_s](double at) {
    return 100 * mb + height * std::fmod(at + phase, period) / period + leak_per_s * at +
           normal(random, 0.2 * mb);
  };
}

Shape warm_up(Random& random, double height, double constant) {
  return [&random, height, constant](double at) {
    return 100 * mb + height * (1 - std::exp(-at / constant)) + normal(random, 0.2 * mb);
  };
}

Shape steps(Random& random, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    times.push_back(std::uniform_real_distribution<double>(20, 280)(random));
  }
  return [&random, times](double at) {
    double sum = 100 * mb;
    for (const double time : times) {
      sum += at >= time ? 16 * mb : 0;
    }
    return sum + normal(random, 0.5 * mb);
  };
}

Shape cycle(Random& random, double period) {
  const double phase = std::uniform_real_distribution<double>(0, period)(random);
  return [&random, period, phase](double at) {
    return 100 * mb + 30 * mb * std::sin(2 * std::numbers::pi * (at + phase) / period) +
           normal(random, 0.5 * mb);
  };
}

Shape leak(Random& random, double per_minute, double noise) {
  return [&random, per_minute, noise](double at) {
    return 100 * mb + per_minute * at / 60 + normal(random, noise);
  };
}

/// Requests that each keep a little, as they come.
Shape leak_by_requests(Random& random, double per_minute) {
  return [&random, per_minute, kept = 0.0](double) mutable {
    constexpr double a_request = 64e3;
    kept += a_request * std::poisson_distribution<int>(per_minute / 60 / a_request)(random);
    return 100 * mb + kept;
  };
}

/// A cache that is filled at a rate, and then full.
Shape full_at(Random& random, double seconds) {
  return [&random, seconds](double at) {
    return 50 * mb + std::min(at, seconds) * mb + normal(random, 0.3 * mb);
  };
}

/// Sessions that end after a while: of those that come, all leave.
Shape sessions(Random& random, double length) {
  return [&random, length, open = std::vector<double>()](double at) mutable {
    const int came = std::poisson_distribution<int>(5)(random);
    for (int i = 0; i < came; ++i) {
      open.push_back(at + std::exponential_distribution<double>(1 / length)(random));
    }
    std::erase_if(open, [at](double end) { return end < at; });
    return 100 * mb + 0.05 * mb * static_cast<double>(open.size());
  };
}

/// In 1000: how many of the series have this course.
double rate_of(Course course, const Make& make, int seconds = 300, int every = 2) {
  int found = 0;
  for (int seed = 1; seed <= series_count; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    found += find_course(sample(make(random), seconds, every)).course == course ? 1 : 0;
  }
  return 1000.0 * found / series_count;
}

double said_to_grow(const Make& make, int seconds = 300, int every = 2) {
  return rate_of(Course::grows, make, seconds, every);
}

TEST(Series, WanderIsNotGrowth) {
  for (const int seconds : {60, 180, 300}) {
    EXPECT_EQ(said_to_grow([](Random& r) { return wander(r, 0.0, 2 * mb); }, seconds), 0);
    EXPECT_EQ(said_to_grow([](Random& r) { return wander(r, 0.9, 2 * mb); }, seconds), 0);
    EXPECT_LE(said_to_grow([](Random& r) { return wander(r, 0.98, 3 * mb); }, seconds), 5);
    EXPECT_LE(said_to_grow([](Random& r) { return wander(r, 0.999, 6 * mb); }, seconds), 5);
  }
}

TEST(Series, ASawThatFallsWithinTheWindowIsNotGrowth) {
  for (const double period : {7.0, 40.0, 120.0}) {
    EXPECT_EQ(said_to_grow([&](Random& r) { return saw(r, 50 * mb, period, 0); }), 0) << period;
  }
}

TEST(Series, WhatFillsIsNotSaidToGrow) {
  for (const double constant : {30.0, 90.0, 150.0, 300.0}) {
    EXPECT_LE(said_to_grow([&](Random& r) { return warm_up(r, 40 * mb, constant); }), 5)
        << constant;
  }
  for (const double full : {30.0, 100.0, 200.0, 240.0}) {
    EXPECT_EQ(said_to_grow([&](Random& r) { return full_at(r, full); }), 0) << full;
  }
  EXPECT_GE(rate_of(Course::filled, [](Random& r) { return warm_up(r, 40 * mb, 30); }), 950);
  EXPECT_GE(rate_of(Course::filled, [](Random& r) { return full_at(r, 100); }), 950);
  EXPECT_GE(rate_of(Course::slows, [](Random& r) { return warm_up(r, 40 * mb, 150); }), 900);
}

TEST(Series, JumpsAreNotARate) {
  for (const int count : {1, 2, 3}) {
    EXPECT_LE(said_to_grow([&](Random& r) { return steps(r, count); }), 2) << count;
  }
}

TEST(Series, SessionsThatComeAndGoAreNotGrowth) {
  for (const double length : {20.0, 60.0, 120.0}) {
    EXPECT_LE(said_to_grow([&](Random& r) { return sessions(r, length); }), 5) << length;
  }
}

TEST(Series, ALeakOfTwoMegabytesAMinuteIsFoundInThreeMinutes) {
  EXPECT_GE(said_to_grow([](Random& r) { return leak(r, 2 * mb, 0.05 * mb); }, 180), 995);
  EXPECT_GE(said_to_grow([](Random& r) { return leak(r, 2 * mb, 0.2 * mb); }, 180), 990);
  EXPECT_GE(said_to_grow([](Random& r) { return leak(r, 6 * mb, 1 * mb); }, 180), 900);
  EXPECT_GE(said_to_grow([](Random& r) { return leak_by_requests(r, 2 * mb); }, 180), 850);
  EXPECT_GE(said_to_grow([](Random& r) { return leak_by_requests(r, 6 * mb); }, 180), 980);
}

TEST(Series, ALeakUnderAQuickSawIsFound) {
  EXPECT_GE(said_to_grow([](Random& r) { return saw(r, 50 * mb, 7, 0.1 * mb); }), 900);
}

TEST(Series, AFastLeakIsFoundInTwentySeconds) {
  const auto points = [](Random& r) { return leak(r, 60 * mb, 0.05 * mb); };
  EXPECT_GE(said_to_grow(points, 20, 1), 990);
}

TEST(Series, OfALoadCycleLongerThanTheWindowSomeIsTakenForGrowth) {
  // Statistics of the memory alone cannot tell: the load's own signals are for that.
  EXPECT_LE(said_to_grow([](Random& r) { return cycle(r, 1200); }), 300);
}

TEST(Series, TheRateIsInItsInterval) {
  int inside = 0;
  for (int seed = 1; seed <= series_count; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const SeriesResult result = find_course(sample(leak(random, 6 * mb, 0.2 * mb), 300, 2));
    inside += result.rate.low <= 0.1 * mb && result.rate.high >= 0.1 * mb ? 1 : 0;
  }
  EXPECT_GE(inside, series_count * 9 / 10);
}

TEST(Series, AFewValuesSayNothing) {
  const std::vector<Point> points{{0, 1 * mb}, {1, 2 * mb}, {2, 3 * mb}, {3, 4 * mb}, {4, 5 * mb}};
  EXPECT_EQ(find_course(points).course, Course::too_few);
}

TEST(Series, GrowthUnderTheFloorIsFlat) {
  std::vector<Point> points;
  for (int i = 0; i < 100; ++i) {
    points.push_back({static_cast<double>(i), 100 * mb + 1000.0 * i});
  }
  EXPECT_EQ(find_course(points).course, Course::flat);
  EXPECT_EQ(find_course(points, {.least = 1000, .least_share = 0}).course, Course::grows);
}

TEST(Series, MinimaAreOfEqualTimeNotOfEqualCount) {
  const std::vector<Point> points{{0, 5}, {1, 3}, {2, 4}, {8, 9}, {10, 7}};
  const std::vector<Point> expected{{1, 3}, {10, 7}};
  EXPECT_EQ(minima_of(points, 2), expected);
}

TEST(Series, WhatFollowsAnotherSeriesCorrelates) {
  std::vector<Point> load;
  std::vector<Point> memory;
  std::vector<Point> other;
  for (int i = 0; i < 120; ++i) {
    load.push_back({static_cast<double>(i), std::sin(i / 10.0)});
    memory.push_back({i + 0.5, 100 + 7 * std::sin(i / 10.0)});
    other.push_back({static_cast<double>(i), std::cos(i / 10.0)});
  }
  EXPECT_GT(correlation(load, memory), 0.99);
  EXPECT_LT(std::abs(correlation(load, other)), 0.3);
  EXPECT_EQ(correlation(load, std::vector<Point>{{0, 1}, {50, 1}, {119, 1}}), 0);
}

}  // namespace
}  // namespace heapwatch::leak
