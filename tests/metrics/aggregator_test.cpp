#include "metrics/aggregator.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <string>

#include "aggregator_fixture.h"

namespace heapwatch::metrics {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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

}  // namespace
}  // namespace heapwatch::metrics
