#include "metrics/aggregates.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace heapwatch::metrics {
namespace {

using base::Number;

std::string text(const std::vector<Aggregate>& aggregates) {
  std::string out;
  for (const Aggregate& aggregate : aggregates) {
    out += aggregate.suffix + "=" + to_text(aggregate.value) + (aggregate.is_rate ? "/s " : " ");
  }
  return out;
}

std::vector<Number> first_integers(int count) {
  std::vector<Number> numbers;
  for (int i = count; i >= 1; --i) {
    numbers.push_back(Number::of(i));
  }
  return numbers;
}

TEST(Aggregate, NoSamplesHaveNoAggregates) {
  EXPECT_EQ(text(aggregate({}, {})), "");
}

TEST(Aggregate, DefaultsAreTheAgentsAndOnlyTheCountIsARate) {
  EXPECT_EQ(text(aggregate(first_integers(4), {})),
            "max=4 median=2 avg=2.5 count=4/s 95percentile=4 ");
}

TEST(Aggregate, ComesInTheOrderOfTheOptions) {
  const HistogramOptions options{.aggregates = {"sum", "count", "min", "max"},
                                 .percentiles = {99, 50}};
  EXPECT_EQ(text(aggregate(first_integers(3), options)),
            "sum=6 count=3/s min=1 max=3 99percentile=3 50percentile=2 ");
}

TEST(Aggregate, TheMedianOfAnEvenNumberOfSamplesIsTheLowerMiddle) {
  const HistogramOptions options{.aggregates = {"median"}, .percentiles = {}};
  EXPECT_EQ(text(aggregate(first_integers(1), options)), "median=1 ");
  EXPECT_EQ(text(aggregate(first_integers(10), options)), "median=5 ");
  EXPECT_EQ(text(aggregate(first_integers(11), options)), "median=6 ");
}

TEST(Aggregate, APercentileIsTheFirstSampleWhoseWeightExceedsTheIntegerQuotient) {
  const HistogramOptions options{.aggregates = {}, .percentiles = {0, 50, 95, 100}};
  EXPECT_EQ(text(aggregate(first_integers(1), options)),
            "0percentile=1 50percentile=1 95percentile=1 100percentile=1 ");
  EXPECT_EQ(text(aggregate(first_integers(20), options)),
            "0percentile=1 50percentile=10 95percentile=19 100percentile=20 ");
  EXPECT_EQ(text(aggregate(first_integers(21), options)),
            "0percentile=1 50percentile=11 95percentile=20 100percentile=21 ");
}

TEST(Aggregate, IntegersStayExact) {
  const std::vector<Number> samples{Number::of(std::numeric_limits<std::uint64_t>::max() - 1),
                                    Number::of(1)};
  const HistogramOptions options{.aggregates = {"max", "sum"}, .percentiles = {}};
  EXPECT_EQ(text(aggregate(samples, options)),
            "max=18446744073709551614 sum=18446744073709551615 ");
}

TEST(Aggregate, IntegersAndDoublesAreOrderedTogether) {
  const std::vector<Number> samples{Number::of(2.5), Number::of(2), Number::of(-1), Number::of(3)};
  const HistogramOptions options{.aggregates = {"min", "median", "max", "sum"}, .percentiles = {}};
  EXPECT_EQ(text(aggregate(samples, options)), "min=-1 median=2 max=3 sum=6.5 ");
}

}  // namespace
}  // namespace heapwatch::metrics
