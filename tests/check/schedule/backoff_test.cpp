#include "check/schedule/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace heapwatch::check::schedule {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::set<std::uint64_t> possible(std::uint64_t failures, milliseconds interval,
                                 milliseconds longest) {
  std::set<std::uint64_t> turns;
  for (std::uint64_t random = 0; random < 100; ++random) {
    turns.insert(turns_to_sit_out(failures, interval, longest, random));
  }
  return turns;
}

using Turns = std::set<std::uint64_t>;

TEST(TurnsToSitOut, NoneAfterTheFirstTwoFailures) {
  for (const std::uint64_t failures : {0, 1, 2}) {
    EXPECT_EQ(possible(failures, seconds(15), seconds(600)), Turns({0})) << failures;
  }
}

TEST(TurnsToSitOut, TheWaitDoublesAndIsARandomOneOfItsUpperHalf) {
  EXPECT_EQ(possible(3, seconds(15), seconds(600)), Turns({0, 1}));
  EXPECT_EQ(possible(4, seconds(15), seconds(600)), Turns({1, 2, 3}));
  EXPECT_EQ(possible(5, seconds(15), seconds(600)), Turns({3, 4, 5, 6, 7}));
}

TEST(TurnsToSitOut, TheWaitIsBoundedByTheOptionAndByTenIntervals) {
  EXPECT_EQ(possible(1000, seconds(15), seconds(60)), Turns({1, 2, 3}));
  EXPECT_EQ(possible(1'000'000'000, milliseconds(200), seconds(60)), Turns({4, 5, 6, 7, 8, 9}));
}

TEST(TurnsToSitOut, NoneWhenItIsOffOrShorterThanTwoIntervals) {
  EXPECT_EQ(possible(50, seconds(15), seconds(0)), Turns({0}));
  EXPECT_EQ(possible(50, seconds(15), seconds(29)), Turns({0}));
}

}  // namespace
}  // namespace heapwatch::check::schedule
