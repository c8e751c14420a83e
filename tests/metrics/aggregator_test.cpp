#include "metrics/aggregator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::metrics {
namespace {

using base::Number;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto uint64_max = std::numeric_limits<std::uint64_t>::max();

std::string text(const std::optional<Number>& number) {
  return number ? to_text(*number) : "-";
}

/// An aggregator on a clock that stands still until told otherwise.
class AggregatorTest : public testing::Test {
 protected:
  explicit AggregatorTest(AggregatorOptions options = {})
      : aggregator_(with_clock(std::move(options))) {}

  void submit(MetricType type, Number value, const Context& context) {
    aggregator_.submit({.context = context, .type = type, .value = value});
  }
  void submit(MetricType type, Number value) { submit(type, value, context_); }
  void submit(MetricType type, int value) { submit(type, Number::of(value)); }
  void submit_from_zero(MetricType type, int value) {
    aggregator_.submit(
        {.context = context_, .type = type, .value = Number::of(value), .flush_first_value = true});
  }

  /// Ends the run and returns "name value total" of its series, with distributions and drops.
  std::string commit() {
    aggregator_.commit(snapshot_);
    std::string out;
    for (const Series& series : snapshot_.series) {
      out += series.context.name() + " " + text(series.value) + " " + text(series.total);
      if (series.distribution) {
        out += " [";
        for (const Number& sample : series.distribution->run) {
          out += to_text(sample) + " ";
        }
        out += "] count " + std::to_string(series.distribution->count) + " sum " +
               to_text(Number::of(series.distribution->sum));
      }
      out += "; ";
    }
    for (const auto& [reason, count] : snapshot_.dropped) {
      out += "dropped " + reason + " " + std::to_string(count) + "; ";
    }
    return out;
  }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
    now_.steady += time;
  }

  base::Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 31), {}};
  Context context_ = make_context({.name = "x", .tags = {}, .host = {}, .help = {}});
  Aggregator aggregator_;
  Snapshot snapshot_;

 private:
  AggregatorOptions with_clock(AggregatorOptions options) {
    options.clock = [this] { return now_; };
    return options;
  }
};

TEST_F(AggregatorTest, AGaugeIsItsLastValue) {
  submit(MetricType::gauge, 3);
  submit(MetricType::gauge, 5);
  EXPECT_EQ(commit(), "x 5 5; ");
  EXPECT_EQ(commit(), "") << "absent without a sample";
}

TEST_F(AggregatorTest, SeriesComeInTheOrderOfTheirFirstSampleInTheRun) {
  const auto other = make_context({.name = "y", .tags = {}, .host = {}, .help = {}});
  submit(MetricType::gauge, Number::of(1), context_);
  submit(MetricType::gauge, Number::of(2), other);
  submit(MetricType::gauge, Number::of(3), context_);
  EXPECT_EQ(commit(), "x 3 3; y 2 2; ");
  submit(MetricType::gauge, Number::of(4), other);
  submit(MetricType::gauge, Number::of(5), context_);
  EXPECT_EQ(commit(), "y 4 4; x 5 5; ");
}

TEST_F(AggregatorTest, CountsAndCountersAddUpPerRunAndForEver) {
  for (const MetricType type : {MetricType::count, MetricType::counter}) {
    context_ =
        make_context({.name = std::string(to_text(type)), .tags = {}, .host = {}, .help = {}});
    submit(type, 3);
    submit(type, 4);
    EXPECT_EQ(commit(), context_.name() + " 7 7; ");
    submit(type, 5);
    EXPECT_EQ(commit(), context_.name() + " 5 12; ");
  }
}

TEST_F(AggregatorTest, ACountOfTotalsHasTheRawValueAsItsTotal) {
  for (int run = 0; run < 2; ++run) {
    for (int times = 0; times < 2; ++times) {
      aggregator_.submit({.context = context_,
                          .type = MetricType::count,
                          .value = Number::of(100 + run),
                          .value_is_total = true});
    }
    EXPECT_EQ(commit(), run == 0 ? "x 200 100; " : "x 202 101; ");
  }
}

TEST_F(AggregatorTest, CountsAreSummedExactlyInIntegers) {
  submit(MetricType::count, Number::of(uint64_max - 1));
  submit(MetricType::count, 1);
  EXPECT_EQ(commit(), "x 18446744073709551615 18446744073709551615; ");
}

TEST_F(AggregatorTest, ARateIsTheIncreasePerSecondSinceTheRunBefore) {
  submit(MetricType::rate, 10);
  EXPECT_EQ(commit(), "x - 10; ");
  pass(seconds(10));
  submit(MetricType::rate, 35);
  pass(seconds(1));
  EXPECT_EQ(commit(), "x 2.5 35; ");
  EXPECT_EQ(snapshot_.series[0].time, now_.wall - seconds(1)) << "the time of the sample";
  EXPECT_EQ(snapshot_.time.wall, now_.wall);
}

TEST_F(AggregatorTest, ARateSpansTheRunsThatHadNoSample) {
  submit(MetricType::rate, 0);
  commit();
  for (int run = 0; run < 5; ++run) {
    pass(seconds(10));
    EXPECT_EQ(commit(), "");
  }
  submit(MetricType::rate, 100);
  EXPECT_EQ(commit(), "x 2 100; ");
}

TEST_F(AggregatorTest, ANegativeRateIsDiscardedAndItsSampleIsTheNewBase) {
  submit(MetricType::rate, 100);
  commit();
  pass(seconds(10));
  submit(MetricType::rate, 20);
  EXPECT_EQ(commit(), "x - 20; dropped negative_rate 1; ");
  pass(seconds(10));
  submit(MetricType::rate, 50);
  EXPECT_EQ(commit(), "x 3 50; ");
}

TEST_F(AggregatorTest, ARateOverNoTimeIsDiscarded) {
  submit(MetricType::rate, 1);
  commit();
  submit(MetricType::rate, 2);
  EXPECT_EQ(commit(), "x - 2; dropped same_time 1; ");
  pass(seconds(2));
  submit(MetricType::rate, 6);
  EXPECT_EQ(commit(), "x 2 6; ");
}

TEST_F(AggregatorTest, ARateSampledTwiceInARunIsStillTheRateSinceTheRunBefore) {
  for (int run = 0; run < 3; ++run) {
    submit(MetricType::rate, run * 50);
    pass(milliseconds(1));
    submit(MetricType::rate, run * 50);
    EXPECT_EQ(commit(), run == 0 ? "x - 0; " : "x 5 " + std::to_string(run * 50) + "; ");
    pass(milliseconds(9999));
  }
}

TEST_F(AggregatorTest, TheTimeOfASampleIsWhatTheCheckSays) {
  const base::Instant measured = now_;
  aggregator_.submit(
      {.context = context_, .type = MetricType::rate, .value = Number::of(1), .time = measured});
  commit();
  pass(seconds(9));
  aggregator_.submit(
      {.context = context_,
       .type = MetricType::rate,
       .value = Number::of(9),
       .time = base::Instant{measured.wall + seconds(4), measured.steady + seconds(4)}});
  EXPECT_EQ(commit(), "x 2 9; ");
  EXPECT_EQ(snapshot_.series[0].time, measured.wall + seconds(4));
}

TEST_F(AggregatorTest, RatesFromZeroCountTheFirstSampleSinceTheCommitBefore) {
  submit_from_zero(MetricType::rate, 10);
  EXPECT_EQ(commit(), "x - 10; ") << "there is no commit before the first";
  const auto later = make_context({.name = "later", .tags = {}, .host = {}, .help = {}});
  pass(seconds(5));
  aggregator_.submit({.context = later,
                      .type = MetricType::rate,
                      .value = Number::of(20),
                      .flush_first_value = true});
  EXPECT_EQ(commit(), "later 4 20; ");
}

TEST_F(AggregatorTest, RatesFromZeroCountAFallenSampleFromZero) {
  submit(MetricType::rate, 100);
  commit();
  pass(seconds(10));
  submit_from_zero(MetricType::rate, 30);
  EXPECT_EQ(commit(), "x 3 30; ");
}

TEST_F(AggregatorTest, AMonotonicCounterIsTheSumOfItsIncreases) {
  submit(MetricType::monotonic_counter, 10);
  EXPECT_EQ(commit(), "x - 10; ") << "the first sample only begins";
  submit(MetricType::monotonic_counter, 15);
  submit(MetricType::monotonic_counter, 22);
  EXPECT_EQ(commit(), "x 12 22; ");
  EXPECT_EQ(snapshot_.series[0].time, now_.wall);
}

TEST_F(AggregatorTest, AFallingMonotonicCounterAddsNothingAndGoesOnFromThere) {
  submit(MetricType::monotonic_counter, 10);
  commit();
  submit(MetricType::monotonic_counter, 4);
  EXPECT_EQ(commit(), "x 0 4; ");
  submit(MetricType::monotonic_counter, 9);
  EXPECT_EQ(commit(), "x 5 9; ");
}

TEST_F(AggregatorTest, AMonotonicCounterSpansTheRunsThatHadNoSample) {
  submit(MetricType::monotonic_counter, 10);
  commit();
  for (int run = 0; run < 5; ++run) {
    EXPECT_EQ(commit(), "");
  }
  submit(MetricType::monotonic_counter, 25);
  EXPECT_EQ(commit(), "x 15 25; ");
}

TEST_F(AggregatorTest, AMonotonicCounterSampledTwiceIsNotDoubled) {
  submit(MetricType::monotonic_counter, 10);
  submit(MetricType::monotonic_counter, 10);
  EXPECT_EQ(commit(), "x 0 10; ");
  submit(MetricType::monotonic_counter, 12);
  submit(MetricType::monotonic_counter, 12);
  EXPECT_EQ(commit(), "x 2 12; ");
}

TEST_F(AggregatorTest, MonotonicIncreasesAreExactUpToTheLargestInteger) {
  submit(MetricType::monotonic_counter, Number::of(uint64_max - 1));
  commit();
  submit(MetricType::monotonic_counter, Number::of(uint64_max));
  EXPECT_EQ(commit(), "x 1 18446744073709551615; ");
  submit(MetricType::monotonic_counter, 0);
  EXPECT_EQ(commit(), "x 0 0; ");
  submit(MetricType::monotonic_counter, Number::of(uint64_max));
  EXPECT_EQ(commit(), "x 18446744073709551615 18446744073709551615; ");
}

TEST_F(AggregatorTest, MonotonicCountersFromZeroCountTheFirstAndEveryFallenSample) {
  submit_from_zero(MetricType::monotonic_counter, 10);
  EXPECT_EQ(commit(), "x 10 10; ");
  submit_from_zero(MetricType::monotonic_counter, 4);
  EXPECT_EQ(commit(), "x 4 4; ");
  submit_from_zero(MetricType::monotonic_counter, 6);
  submit_from_zero(MetricType::monotonic_counter, -1);
  EXPECT_EQ(commit(), "x 2 -1; ") << "below zero nothing was counted";
}

TEST_F(AggregatorTest, AHistogramKeepsItsSamplesInOrderAndCountsOn) {
  submit(MetricType::histogram, 5);
  submit(MetricType::histogram, 2);
  EXPECT_EQ(commit(), "x - - [5 2 ] count 2 sum 7; ");
  submit(MetricType::histogram, 1);
  EXPECT_EQ(commit(), "x - - [1 ] count 3 sum 8; ");
}

TEST_F(AggregatorTest, AHistogramCountsOnAfterRunsWithoutSamples) {
  submit(MetricType::histogram, 5);
  commit();
  for (int run = 0; run < 5; ++run) {
    EXPECT_EQ(commit(), "");
  }
  submit(MetricType::histogram, 1);
  EXPECT_EQ(commit(), "x - - [1 ] count 2 sum 6; ");
}

TEST_F(AggregatorTest, AHistorateTakesTheRatesBetweenItsSamples) {
  for (const int value : {0, 10, 40}) {
    submit(MetricType::historate, value);
    pass(seconds(5));
  }
  EXPECT_EQ(commit(), "x - - [2 6 ] count 2 sum 8; ");
  submit(MetricType::historate, 45);
  submit(MetricType::historate, 50);
  pass(seconds(1));
  submit(MetricType::historate, 1);
  EXPECT_EQ(commit(), "x - - [1 ] count 3 sum 9; dropped negative_rate 1; dropped same_time 1; ");
}

TEST_F(AggregatorTest, ASetCountsTheDistinctElementsOfTheRun) {
  const auto submit_element = [&](std::string_view element) {
    aggregator_.submit(
        {.context = context_, .type = MetricType::set, .value = Number(), .element = element});
  };
  for (const char* element : {"a", "b", "a", ""}) {
    submit_element(element);
  }
  EXPECT_EQ(commit(), "x 3 -; ");
  submit_element("b");
  EXPECT_EQ(commit(), "x 1 -; ");
  submit_element("c");
  submit_element("a");
  EXPECT_EQ(commit(), "x 2 -; ");
}

TEST_F(AggregatorTest, NaNAndInfinitiesAreDropped) {
  submit(MetricType::gauge, Number::of(std::numeric_limits<double>::quiet_NaN()));
  submit(MetricType::gauge, Number::of(std::numeric_limits<double>::infinity()));
  submit(MetricType::gauge, Number::of(-std::numeric_limits<double>::infinity()));
  EXPECT_EQ(commit(), "dropped not_finite 3; ");
  EXPECT_EQ(snapshot_.samples, 3U);
  EXPECT_EQ(aggregator_.contexts(), 0U);
  commit();
  EXPECT_EQ(snapshot_.samples, 0U);
}

TEST_F(AggregatorTest, TheFirstTypeOfAContextWinsWhileItLives) {
  submit(MetricType::gauge, 1);
  submit(MetricType::count, 2);
  EXPECT_EQ(commit(), "x 1 1; dropped type_conflict 1; ");
  submit(MetricType::count, 2);
  EXPECT_EQ(commit(), "dropped type_conflict 1; ");
  submit(MetricType::count, 2);
  EXPECT_EQ(commit(), "dropped type_conflict 1; ");
  submit(MetricType::count, 2);
  EXPECT_EQ(commit(), "x 2 2; ") << "the gauge had no sample in two runs";
}

TEST_F(AggregatorTest, AContextThatOnlyKeepsItsLastValueYieldsToAnotherType) {
  submit(MetricType::rate, 1);
  commit();
  commit();
  commit();
  EXPECT_EQ(aggregator_.contexts(), 1U);
  submit(MetricType::gauge, 7);
  EXPECT_EQ(commit(), "x 7 7; ");
  EXPECT_EQ(aggregator_.contexts(), 1U);
}

TEST_F(AggregatorTest, ContextsExpireAfterTwoCommitsAndStatefulOnesADayAndAnHourLater) {
  const std::vector<MetricType> types{MetricType::gauge,     MetricType::rate,
                                      MetricType::count,     MetricType::counter,
                                      MetricType::set,       MetricType::histogram,
                                      MetricType::historate, MetricType::monotonic_counter};
  for (const MetricType type : types) {
    submit(type, Number::of(1),
           make_context({.name = std::string(to_text(type)), .tags = {}, .host = {}, .help = {}}));
  }
  commit();
  commit();
  EXPECT_EQ(aggregator_.contexts(), 8U);
  commit();
  EXPECT_EQ(aggregator_.contexts(), 6U) << "gauge and set keep nothing";
  pass(std::chrono::hours(25) - seconds(1));
  commit();
  EXPECT_EQ(aggregator_.contexts(), 6U);
  pass(seconds(1));
  commit();
  EXPECT_EQ(aggregator_.contexts(), 0U);
}

TEST_F(AggregatorTest, CountsOfTotalsKeepNothing) {
  aggregator_.submit({.context = context_,
                      .type = MetricType::count,
                      .value = Number::of(1),
                      .value_is_total = true});
  commit();
  commit();
  commit();
  EXPECT_EQ(aggregator_.contexts(), 0U);
}

TEST_F(AggregatorTest, ASampleStartsTheDayAndTheHourAnew) {
  submit(MetricType::monotonic_counter, 1);
  commit();
  commit();
  commit();
  pass(std::chrono::hours(24));
  submit(MetricType::monotonic_counter, 3);
  EXPECT_EQ(commit(), "x 2 3; ");
  commit();
  commit();
  pass(std::chrono::hours(24));
  submit(MetricType::monotonic_counter, 10);
  EXPECT_EQ(commit(), "x 7 10; ");
}

TEST_F(AggregatorTest, ContextsAreTheSameByNameHostAndTags) {
  const auto make = [](std::string host, Tags tags) {
    return make_context(
        {.name = "x", .tags = std::move(tags), .host = std::move(host), .help = {}});
  };
  submit(MetricType::count, Number::of(1), make("h", {"b", "a"}));
  submit(MetricType::count, Number::of(2), make("h", {"a", "b", "a"}));
  submit(MetricType::count, Number::of(4), make("h", {"a"}));
  submit(MetricType::count, Number::of(8), make("i", {"a"}));
  EXPECT_EQ(commit(), "x 3 3; x 4 4; x 8 8; ");
}

TEST_F(AggregatorTest, ServiceChecksAndEventsGoIntoTheirRun) {
  ServiceCheck check;
  check.name = "s";
  aggregator_.submit(check);
  Event event;
  event.title = "t";
  aggregator_.submit(event);
  commit();
  ASSERT_EQ(snapshot_.service_checks.size(), 1U);
  EXPECT_EQ(snapshot_.service_checks[0].name, "s");
  ASSERT_EQ(snapshot_.events.size(), 1U);
  EXPECT_EQ(snapshot_.events[0].title, "t");
  commit();
  EXPECT_EQ(snapshot_.service_checks.size(), 0U);
  EXPECT_EQ(snapshot_.events.size(), 0U);
}

TEST_F(AggregatorTest, AReusedSnapshotLosesWhatItHeld) {
  const auto other = make_context({.name = "y", .tags = {}, .host = {}, .help = {}});
  submit(MetricType::histogram, Number::of(1), context_);
  submit(MetricType::gauge, Number::of(2), other);
  EXPECT_EQ(commit(), "x - - [1 ] count 1 sum 1; y 2 2; ");
  submit(MetricType::gauge, Number::of(3), other);
  submit(MetricType::histogram, Number::of(4), context_);
  EXPECT_EQ(commit(), "y 3 3; x - - [4 ] count 2 sum 5; ");
}

TEST_F(AggregatorTest, KnowsItsSeriesInWhicheverOrderTheyCome) {
  constexpr int size = 40;
  std::vector<Context> contexts;
  for (int i = 0; i < size; ++i) {
    contexts.push_back(
        make_context({.name = std::to_string(i), .tags = {}, .host = {}, .help = {}}));
  }
  std::minstd_rand random(1);
  std::vector<std::optional<int>> last(size);
  for (int run = 0; run < 300; ++run) {
    std::vector<int> order;
    for (int i = 0; i < size; ++i) {
      if (random() % 8 != 0) {
        order.push_back(i);
      }
    }
    if (run % 3 == 0) {
      std::shuffle(order.begin(), order.end(), random);
    }
    std::string expected;
    for (const int i : order) {
      auto& before = last[static_cast<std::size_t>(i)];
      const int value = before.value_or(0) + i;
      const bool counts = i % 2 == 1;
      submit(counts ? MetricType::monotonic_counter : MetricType::gauge, Number::of(value),
             contexts[static_cast<std::size_t>(i)]);
      const std::string shown = counts ? (before ? std::to_string(i) : "-") : std::to_string(value);
      expected += std::to_string(i) + " " + shown + " " + std::to_string(value) + "; ";
      before = value;
    }
    ASSERT_EQ(commit(), expected) << run;
  }
}

TEST_F(AggregatorTest, SeriesThatComeAfterOthersAreFoundAmongThem) {
  for (int run = 0; run < 3; ++run) {  // more than one table of places has room for
    std::string expected;
    for (int i = 0; i < 100; ++i) {
      const std::string name = std::to_string((run * 50 + i * 7) % 150);
      submit(MetricType::count, Number::of(1),
             make_context({.name = name, .tags = {}, .host = {}, .help = {}}));
      submit(MetricType::count, Number::of(1), context_);
    }
    const std::string series = commit();
    EXPECT_NE(series.find("x 100 " + std::to_string(100 * (run + 1)) + "; "), std::string::npos)
        << series;
    EXPECT_EQ(std::count(series.begin(), series.end(), ';'), 101);
  }
}

class SmallAggregatorTest : public AggregatorTest {
 protected:
  SmallAggregatorTest() : AggregatorTest({.contexts_max = 1}) {}
};

TEST_F(SmallAggregatorTest, FurtherContextsAreDroppedAndCounted) {
  const auto other = make_context({.name = "y", .tags = {}, .host = {}, .help = {}});
  submit(MetricType::gauge, Number::of(1), context_);
  submit(MetricType::gauge, Number::of(2), other);
  submit(MetricType::gauge, Number::of(3), context_);
  submit(MetricType::gauge, Number::of(4), other);
  EXPECT_EQ(commit(), "x 3 3; dropped contexts 2; ");
}

}  // namespace
}  // namespace heapwatch::metrics
