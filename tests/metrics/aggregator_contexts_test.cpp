// How long an aggregator keeps a context, and how many.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "aggregator_fixture.h"

namespace heapwatch::metrics {
namespace {

using std::chrono::seconds;

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
