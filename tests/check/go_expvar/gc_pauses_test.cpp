#include "check/go_expvar/gc_pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::check::go_expvar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

GcTotals totals(std::uint64_t collections) {
  return {.collections = collections, .pause_total = std::nullopt, .total_alloc = std::nullopt};
}

TEST(GcPauses, AreAllOfAYoungProcessAtFirst) {
  GcPauses pauses;
  EXPECT_THAT(pauses.advance(totals(0)), IsEmpty());
  EXPECT_THAT(pauses.advance(totals(3)), ElementsAre(0, 1, 2));
}

TEST(GcPauses, AreTheWholeRingOfAnOldProcessAtFirst) {
  GcPauses pauses;
  const auto slots = pauses.advance(totals(300));
  ASSERT_EQ(slots.size(), 256U);
  EXPECT_EQ(slots.front(), 44U);
  EXPECT_EQ(slots.back(), 43U);
}

TEST(GcPauses, AreThoseSinceTheLastPage) {
  GcPauses pauses;
  (void)pauses.advance(totals(10));
  EXPECT_THAT(pauses.advance(totals(12)), ElementsAre(10, 11));
  EXPECT_THAT(pauses.advance(totals(12)), IsEmpty());
}

TEST(GcPauses, GoAroundTheRing) {
  GcPauses pauses;
  (void)pauses.advance(totals(254));
  EXPECT_THAT(pauses.advance(totals(258)), ElementsAre(254, 255, 0, 1));
}

TEST(GcPauses, AreAtMostTheRing) {
  GcPauses pauses;
  (void)pauses.advance(totals(10));
  EXPECT_EQ(pauses.advance(totals(300)).size(), 256U);
  EXPECT_EQ(pauses.advance(totals(556)).size(), 256U);
}

TEST(GcPauses, AreThoseOfTheNewProcessAfterARestart) {
  GcPauses pauses;
  (void)pauses.advance(totals(100));
  EXPECT_THAT(pauses.advance(totals(5)), ElementsAre(0, 1, 2, 3, 4));
}

TEST(GcPauses, NoticeARestartWithMoreCollectionsByTheFallOfOtherTotals) {
  const auto with = [](std::uint64_t n, std::uint64_t pause, std::uint64_t alloc) {
    return GcTotals{.collections = n,
                    .pause_total = base::Number::of(pause),
                    .total_alloc = base::Number::of(alloc)};
  };
  GcPauses pauses;
  (void)pauses.advance(with(2, 900, 900));
  EXPECT_EQ(pauses.advance(with(4, 800, 950)).size(), 4U);
  EXPECT_EQ(pauses.advance(with(6, 850, 100)).size(), 6U);
  EXPECT_EQ(pauses.advance(with(7, 850, 100)).size(), 1U);
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
