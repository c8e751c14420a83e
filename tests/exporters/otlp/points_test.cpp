// Since when a series counts, and what is said of one that is gone.
#include "exporters/otlp/points.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace heapwatch::exporters::otlp {
namespace {

using base::Number;
using Type = prometheus::FamilyType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

metrics::Context context(const std::string& name) {
  return metrics::make_context({.name = name, .tags = {"a:b"}, .host = {}, .help = ""});
}

std::vector<std::string> gone(Starts& starts) {
  std::vector<std::string> names;
  starts.end([&](const metrics::Context& one, Type) { names.push_back(one.name()); });
  return names;
}

TEST(OtlpStarts, ACounterCountsFromItsFirstPointAndAfterAFallFromTheLastOneBefore) {
  Starts starts;
  std::vector<std::int64_t> since;
  const auto run = [&](std::int64_t time, int value) {
    starts.begin(time);
    since.push_back(starts.put(context("c"), Type::counter, Number::of(value)));
    EXPECT_THAT(gone(starts), IsEmpty());
  };
  run(10, 5);
  run(20, 7);
  run(30, 7);
  run(40, 3);
  run(50, 4);
  EXPECT_THAT(since, ElementsAre(10, 10, 10, 30, 30));
}

TEST(OtlpStarts, AGaugeThatFallsHasNotBegunAnew) {
  Starts starts;
  starts.begin(10);
  EXPECT_EQ(starts.put(context("g"), Type::gauge, Number::of(5)), 10);
  (void)gone(starts);
  starts.begin(20);
  EXPECT_EQ(starts.put(context("g"), Type::gauge, Number::of(1)), 10);
}

TEST(OtlpStarts, CountersBeyondAllDoublesAreCompared) {
  Starts starts;
  starts.begin(10);
  (void)starts.put(context("c"), Type::counter, Number::of(std::uint64_t{9007199254740993}));
  (void)gone(starts);
  starts.begin(20);
  EXPECT_EQ(starts.put(context("c"), Type::counter, Number::of(std::uint64_t{9007199254740992})),
            10);
}

TEST(OtlpStarts, WhatARunDoesNotHaveIsGoneOnceAndGoesOnWhereItWas) {
  Starts starts;
  starts.begin(10);
  (void)starts.put(context("c"), Type::counter, Number::of(5));
  (void)starts.put(context("g"), Type::gauge, Number::of(5));
  EXPECT_THAT(gone(starts), IsEmpty());
  starts.begin(20);
  EXPECT_THAT(gone(starts), testing::UnorderedElementsAre("c", "g"));
  starts.begin(30);
  EXPECT_THAT(gone(starts), IsEmpty());
  starts.begin(40);
  EXPECT_EQ(starts.put(context("c"), Type::counter, Number::of(6)),
            10);  // not a second time from nothing
  EXPECT_EQ(starts.put(context("g"), Type::gauge, Number::of(6)), 40);
}

TEST(OtlpStarts, ACounterThatStaysAwayForMoreThanADayBeginsAnew) {
  constexpr std::int64_t hour = 3'600'000'000'000;
  Starts starts;
  starts.begin(1);
  (void)starts.put(context("c"), Type::counter, Number::of(5));
  (void)gone(starts);
  for (const std::int64_t time : {25 * hour, 25 * hour + 2}) {
    starts.begin(time);
    (void)gone(starts);
  }
  starts.begin(26 * hour);
  EXPECT_EQ(starts.put(context("c"), Type::counter, Number::of(6)), 26 * hour);
}

}  // namespace
}  // namespace heapwatch::exporters::otlp
