// What is sent of profiles that come one after the other.
#include "exporters/pyroscope/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "heap_profile.h"

namespace heapwatch::exporters::pyroscope::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t plenty = 1U << 20U;

class PyroscopeChanges : public ::testing::Test {
 protected:
  std::vector<std::string> take(const std::vector<Block>& blocks, std::size_t bytes_max = plenty) {
    now_ += std::chrono::minutes(1);
    auto taken = changes_.take(heap_profile(blocks), ++state_, now_, bytes_max);
    EXPECT_TRUE(taken.has_value());
    duration_ = taken && *taken ? (*taken)->duration_nanos : -1;
    return taken && *taken ? lines_of(**taken) : std::vector<std::string>{"nothing"};
  }

  Changes changes_;
  Changes::Time now_{std::chrono::hours(1)};
  std::uint64_t state_ = 0;
  std::int64_t duration_ = 0;
};

TEST_F(PyroscopeChanges, WhatIsInUseIsSentAsItIsAndWhatWasAllocatedSinceTheLastTime) {
  EXPECT_THAT(take({{"f", 100, 3}, {"g", 5, 5}}), ElementsAre("f: 0 0 3 30", "g: 0 0 5 50"));
  EXPECT_EQ(duration_, 0);
  EXPECT_THAT(take({{"f", 107, 2}, {"g", 5, 5}, {"h", 1, 1}}),
              ElementsAre("f: 7 70 2 20", "g: 0 0 5 50", "h: 1 10 1 10"));
  EXPECT_EQ(duration_, 60'000'000'000);
  EXPECT_THAT(take({{"f", 108, 0}, {"g", 5, 0}, {"h", 1, 0}}), ElementsAre("f: 1 10 0 0"));
}

TEST_F(PyroscopeChanges, AProgramThatHasBegunAnewHasAllocatedAllThatItHas) {
  (void)take({{"f", 100, 3}});
  EXPECT_THAT(take({{"f", 10, 3}}), ElementsAre("f: 10 100 3 30"));
  EXPECT_THAT(take({{"f", 11, 3}}), ElementsAre("f: 1 10 3 30"));
}

TEST_F(PyroscopeChanges, LabelsWithoutABoundAreLeftOutAndTheirSamplesAddedUp) {
  EXPECT_THAT(take({{"f", 1, 1, {{"space", "python"}, {"thread", "a"}}, 10},
                    {"f", 2, 2, {{"space", "python"}, {"thread", "b"}}, 20},
                    {"f", 4, 4, {{"check", "c"}, {"space", "native"}}}}),
              ElementsAre("f check=c space=native: 0 0 4 40", "f space=python: 0 0 3 30"));
  EXPECT_THAT(take({{"f", 3, 2, {{"space", "python"}, {"thread", "c"}}},
                    {"f", 1, 1, {{"space", "python"}, {"thread", "a"}}, 70},
                    {"f", 4, 4, {{"check", "c"}, {"space", "native"}}}}),
              ElementsAre("f check=c space=native: 0 0 4 40", "f space=python: 1 10 3 30"));
}

TEST_F(PyroscopeChanges, WithoutRoomToRememberItAllocationsAreNotTold) {
  (void)take({{"f", 100, 3}}, 0);
  EXPECT_EQ(changes_.bytes(), 0U);
  EXPECT_THAT(take({{"f", 107, 3}}, 0), ElementsAre("f: 0 0 3 30"));
  (void)take({{"f", 108, 3}});
  EXPECT_GT(changes_.bytes(), 0U);
  EXPECT_THAT(take({{"f", 110, 3}}), ElementsAre("f: 2 20 3 30"));
}

TEST_F(PyroscopeChanges, AHeapThatIsEmptyIsNotSent) {
  EXPECT_THAT(take({{"f", 100, 0}}), ElementsAre("nothing"));
  EXPECT_THAT(take({{"f", 100, 0}}), ElementsAre("nothing"));
  EXPECT_THAT(take({{"f", 101, 0}}), ElementsAre("f: 1 10 0 0"));
}

TEST_F(PyroscopeChanges, AStateThatIsKnownIsDueAgainAfterTenMinutes) {
  EXPECT_TRUE(changes_.is_due(7, now_));
  ASSERT_TRUE(changes_.take(heap_profile({{"f", 1, 1}}), 7, now_, plenty));
  EXPECT_FALSE(changes_.is_due(7, now_ + std::chrono::minutes(9)));
  EXPECT_TRUE(changes_.is_due(8, now_ + std::chrono::minutes(1)));
  EXPECT_TRUE(changes_.is_due(7, now_ + std::chrono::minutes(10)));
}

TEST_F(PyroscopeChanges, WhatIsNoHeapProfileIsRefused) {
  const auto taken = changes_.take(heap_profile({{"f", 1, 1}}, "delay"), 1, now_, plenty);
  ASSERT_FALSE(taken.has_value());
  EXPECT_THAT(taken.error().message, HasSubstr("inuse_space"));
}

}  // namespace
}  // namespace heapwatch::exporters::pyroscope::tests
