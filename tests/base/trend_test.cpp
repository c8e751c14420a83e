#include "base/trend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace heapwatch::base {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::Le;

using Series = std::vector<double>;
using Random = std::mt19937_64;

Series made_of(std::size_t count, const std::function<double(std::size_t)>& value) {
  Series series;
  for (std::size_t i = 0; i < count; ++i) {
    series.push_back(value(i));
  }
  return series;
}

TEST(Kendall, CountsThePairsThatRiseLessThoseThatFall) {
  EXPECT_EQ(kendall(Series{1, 2, 3, 4}).s, 6);
  EXPECT_EQ(kendall(Series{4, 3, 2, 1}).s, -6);
  EXPECT_EQ(kendall(Series{1, 3, 2, 2}).s, 1);
  EXPECT_EQ(kendall(Series{}).s, 0);
}

TEST(Kendall, HasTheZOfTheMannKendallTest) {
  // 10 values that rise: s = 45, variance 125.
  EXPECT_NEAR(kendall(made_of(10, [](std::size_t i) { return double(i); })).z, 44 / std::sqrt(125),
              1e-12);
  // Of 6 values three are equal: variance (6*5*17 - 3*2*11) / 18.
  EXPECT_NEAR(kendall(Series{1, 2, 3, 3, 3, 4}).z, 11 / std::sqrt((510 - 66) / 18.0), 1e-12);
  EXPECT_EQ(kendall(Series{5, 5, 5}).z, 0);
}

std::vector<Point> at_steps(const Series& values) {
  return stretch_minima(values, values.size());
}

TEST(TheilSen, IsTheMedianOfTheSlopesOfAllPairs) {
  EXPECT_DOUBLE_EQ(theil_sen(at_steps({1, 3, 5, 7})).value, 2);
  // An odd one changes nothing.
  EXPECT_DOUBLE_EQ(theil_sen(at_steps({0, 1, 2, 1000, 4, 5, 6})).value, 1);
  EXPECT_DOUBLE_EQ(theil_sen(at_steps({7})).value, 0);
  EXPECT_DOUBLE_EQ(theil_sen(std::vector<Point>{{0, 0}, {3, 6}, {10, 20}}).value, 2);
}

TEST(TheilSen, HasAnIntervalThatHoldsTheTrueSlopeInNineteenOfTwentySeries) {
  Random random(1);
  std::normal_distribution<double> noise;
  int holds = 0;
  for (int i = 0; i < 400; ++i) {
    const Slope slope = theil_sen(
        at_steps(made_of(20, [&](std::size_t k) { return 0.3 * double(k) + noise(random); })));
    EXPECT_LE(slope.low, slope.value);
    EXPECT_GE(slope.high, slope.value);
    holds += slope.low <= 0.3 && 0.3 <= slope.high ? 1 : 0;
  }
  EXPECT_THAT(holds, AllOf(Ge(370), Le(396)));
}

TEST(StretchMinima, CoverAllValuesInStretchesOfNearlyTheSameLength) {
  EXPECT_THAT(stretch_minima(Series{5, 4, 9, 7, 8, 3, 6}, 3),
              ElementsAre(Point{1, 4}, Point{3, 7}, Point{5, 3}));
  EXPECT_THAT(stretch_minima(Series{5, 4}, 3), ElementsAre(Point{0, 5}, Point{1, 4}));
  EXPECT_THAT(stretch_minima(Series{}, 3), ElementsAre());
}

// What is held after each run of a check, exactly.

constexpr TrendOptions of_runs{.may_skip_half = true};
constexpr double kib = 1024;

TrendResult runs(std::size_t count, const std::function<double(std::size_t)>& held) {
  return find_trend(made_of(count, held), of_runs);
}

TEST(TrendOfRuns, ALeakOfEveryRunGrowsAtItsRate) {
  for (const std::size_t count : {6U, 10U, 13U, 50U, 100U, 1000U}) {
    const TrendResult leak = runs(count, [](std::size_t i) { return 2 * kib * double(i + 1); });
    EXPECT_EQ(leak.trend, Trend::grows) << count;
    EXPECT_TRUE(leak.is_certain);
    EXPECT_TRUE(leak.is_spread) << count;
    EXPECT_DOUBLE_EQ(leak.late.value, 2 * kib) << count;
    EXPECT_DOUBLE_EQ(leak.late.low, leak.late.high) << count;
  }
}

TEST(TrendOfRuns, ACacheThatFillsInTheFirstRunsHasStopped) {
  for (const std::size_t count : {10U, 13U, 50U, 100U, 1000U}) {
    const TrendResult cache = runs(
        count, [&](std::size_t i) { return 256 * kib * double(std::min<std::size_t>(i + 1, 4)); });
    EXPECT_EQ(cache.trend, Trend::stopped) << count;
    EXPECT_EQ(cache.last_rise, 3U) << count;
    EXPECT_DOUBLE_EQ(cache.growth, 768 * kib) << count;
    EXPECT_DOUBLE_EQ(cache.late.value, 0) << count;
  }
}

TEST(TrendOfRuns, ABoundedQueueHasStoppedOnceItIsFull) {
  Random random(2);
  std::uniform_int_distribution<int> message(90, 110);
  for (const std::size_t bound : {20U, 50U, 100U}) {
    std::vector<double> sizes;
    const TrendResult queue = runs(300, [&](std::size_t /*i*/) {
      sizes.push_back(message(random));
      double held = 0;
      for (std::size_t i = sizes.size() - std::min(sizes.size(), bound); i < sizes.size(); ++i) {
        held += sizes[i];
      }
      return held;
    });
    EXPECT_EQ(queue.trend, Trend::stopped) << bound;
    EXPECT_NEAR(double(queue.last_rise), double(bound), double(bound) * 0.15) << bound;
  }
}

TEST(TrendOfRuns, ALeakBehindAWarmUpOfTheSameLineGrowsAtItsOwnRate) {
  for (const std::size_t warm_up : {1U, 4U, 30U}) {
    const TrendResult leak = runs(100, [&](std::size_t i) {
      return 1024 * kib * double(std::min(i + 1, warm_up)) / double(warm_up) + 100.0 * double(i);
    });
    EXPECT_EQ(leak.trend, Trend::grows) << warm_up;
    EXPECT_NEAR(leak.late.value, 100, 1e-6) << warm_up;
  }
}

TEST(TrendOfRuns, WhatIsGivenBackNowAndThenDoesNotGrow) {
  for (const std::size_t period : {2U, 5U, 7U}) {
    const TrendResult saw = runs(100, [&](std::size_t i) { return 64 * kib * double(i % period); });
    EXPECT_THAT(saw.trend, testing::AnyOf(Trend::varies, Trend::flat)) << period;
  }
}

TEST(TrendOfRuns, AWarmUpThatSlowsDownIsNoSteadyLeak) {
  for (const double runs_to_settle : {8.0, 25.0}) {
    const TrendResult warm_up = runs(100, [&](std::size_t i) {
      return 1024 * kib * (1 - std::exp(-double(i) / runs_to_settle));
    });
    EXPECT_THAT(warm_up.trend, testing::AnyOf(Trend::slows, Trend::stopped)) << runs_to_settle;
  }
}

TEST(TrendOfRuns, WhatDoesNotChangeIsFlat) {
  EXPECT_EQ(runs(50, [](std::size_t) { return 4096; }).trend, Trend::flat);
  EXPECT_EQ(runs(1, [](std::size_t) { return 4096; }).trend, Trend::flat);
  EXPECT_EQ(find_trend({}).trend, Trend::flat);
}

TEST(TrendOfRuns, OfAFewRunsSaysWhatThereIsToSeeAndIsNotCertain) {
  const auto trend = [](const Series& series) {
    const TrendResult result = find_trend(series, of_runs);
    EXPECT_FALSE(result.is_certain);
    return result.trend;
  };
  EXPECT_EQ(trend({1, 2}), Trend::grows);
  EXPECT_EQ(trend({1, 2, 3}), Trend::grows);
  EXPECT_EQ(trend({1, 2, 2}), Trend::stopped);
  EXPECT_EQ(trend({1, 2, 1}), Trend::flat);
  EXPECT_EQ(trend({1, 3, 2}), Trend::varies);
  EXPECT_EQ(trend({2, 2, 2, 2}), Trend::flat);
  EXPECT_DOUBLE_EQ(find_trend(Series{1, 3}, of_runs).late.value, 2);
}

// Memory of a process that is read every second for five minutes, in MB, with noise. The bounds are
// those of the rule's measured rates.

constexpr std::size_t seconds = 300;
constexpr TrendOptions of_process{.least = 1, .least_share = 0.02};

/// How many of a hundred series of that kind grow.
double growing(std::uint64_t seed,
               const std::function<std::function<double(double)>(Random&)>& make) {
  Random random(seed);
  constexpr int count = 200;
  int grown = 0;
  for (int i = 0; i < count; ++i) {
    const auto value = make(random);
    const Series series = made_of(seconds, [&](std::size_t t) { return value(double(t)); });
    grown += find_trend(series, of_process).trend == Trend::grows ? 1 : 0;
  }
  return 100.0 * grown / count;
}

/// Noise in which each value keeps a part of the one before.
std::function<double()> noise(Random& random, double deviation, double kept) {
  return [&random, deviation, kept, last = 0.0]() mutable {
    std::normal_distribution<double> fresh(0, deviation * std::sqrt(1 - kept * kept));
    last = kept * last + fresh(random);
    return last;
  };
}

/// A saw of the collector's kind, at any phase.
std::function<double(double)> saw(Random& random, double height, double period) {
  const double phase = std::uniform_real_distribution<double>(0, period)(random);
  return [=](double t) { return height * std::fmod(t + phase, period) / period; };
}

TEST(TrendOfAProcess, NoiseAroundALevelSeldomGrows) {
  const auto flat = [](double deviation, double kept) {
    return [=](Random& random) {
      return [value = noise(random, deviation, kept)](double) { return 200 + value(); };
    };
  };
  EXPECT_LE(growing(11, flat(2, 0.9)), 2.5);
  EXPECT_LE(growing(12, flat(3, 0.98)), 8);
}

TEST(TrendOfAProcess, ACollectorsSawDoesNotGrow) {
  for (const double period : {7.0, 40.0, 120.0}) {
    EXPECT_LE(growing(13,
                      [&](Random& random) {
                        return [teeth = saw(random, 50, period), value = noise(random, 1, 0)](
                                   double t) { return 100 + teeth(t) + value(); };
                      }),
              1.5)
        << period;
  }
}

TEST(TrendOfAProcess, AWarmUpThatIsThroughDoesNotGrow) {
  for (const double time_constant : {30.0, 90.0}) {
    EXPECT_LE(growing(14,
                      [&](Random& random) {
                        return [=, value = noise(random, 1, 0)](double t) {
                          return 100 + 40 * (1 - std::exp(-t / time_constant)) + value();
                        };
                      }),
              1)
        << time_constant;
  }
}

TEST(TrendOfAProcess, ALeakGrowsAlsoInNoiseAndUnderASaw) {
  const auto leak = [](double mb_per_minute, double height, double period) {
    return [=](Random& random) {
      return [=, teeth = saw(random, height, period), value = noise(random, 1, 0)](double t) {
        return 100 + mb_per_minute * t / 60 + teeth(t) + value();
      };
    };
  };
  EXPECT_GE(growing(15, leak(1, 0, 1)), 85);
  EXPECT_GE(growing(16, leak(2, 0, 1)), 97);
  EXPECT_GE(growing(17, leak(6, 0, 1)), 99.5);
  EXPECT_GE(growing(18, leak(6, 50, 7)), 99.5);
  EXPECT_GE(growing(19, leak(6, 50, 40)), 95);
}

TEST(TrendOfAProcess, AStepIsNoSpreadGrowth) {
  Random random(20);
  std::uniform_real_distribution<double> when(30, 270);
  for (int i = 0; i < 50; ++i) {
    const double at = when(random);
    auto value = noise(random, 0.3, 0);
    const Series series =
        made_of(seconds, [&](std::size_t t) { return 100 + (double(t) < at ? 0 : 30) + value(); });
    EXPECT_FALSE(find_trend(series, of_process).is_spread);
  }
}

}  // namespace
}  // namespace heapwatch::base
