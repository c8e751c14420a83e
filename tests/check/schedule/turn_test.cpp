#include "check/schedule/turn.h"

#include <gtest/gtest.h>

#include <chrono>

namespace heapwatch::check::schedule {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

constexpr milliseconds interval{15'000};

system_clock::time_point at(std::chrono::nanoseconds since_epoch) {
  return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(since_epoch));
}

TEST(FirstTurn, ComesWithinOneIntervalAtTheHashsPhase) {
  const std::uint64_t hash = 4'000'000'000;  // 4 s
  EXPECT_EQ(first_turn(at(seconds(1500)), interval, hash), at(seconds(1504)));
  EXPECT_EQ(first_turn(at(seconds(1510)), interval, hash), at(seconds(1519)));
}

TEST(FirstTurn, IsTheSameForEveryMomentOfAnInterval) {
  const std::uint64_t hash = 0xfeedfacecafebeef;
  const auto turn = first_turn(at(seconds(3000)), interval, hash);
  EXPECT_EQ(first_turn(turn - milliseconds(1), interval, hash), turn);
  EXPECT_EQ(first_turn(turn, interval, hash), turn + interval);
}

TEST(FirstTurn, IsSharedByTheTargetsOfAQuarterOfASecond) {
  constexpr std::uint64_t ms = 1'000'000;
  for (const std::uint64_t hash : {4000 * ms, 4001 * ms, 4250 * ms - 1}) {
    EXPECT_EQ(first_turn(at(seconds(1500)), interval, hash), at(milliseconds(1'504'000)));
  }
  EXPECT_EQ(first_turn(at(seconds(1500)), interval, 4250 * ms), at(milliseconds(1'504'250)));
}

TEST(FirstTurn, IsSharedByTheTargetsOfAQuarterOfAShortInterval) {
  constexpr std::uint64_t ms = 1'000'000;
  constexpr milliseconds short_one{400};
  EXPECT_EQ(first_turn(at(seconds(1500)), short_one, 399 * ms), at(milliseconds(1'500'300)));
  EXPECT_EQ(first_turn(at(seconds(1500)), short_one, 299 * ms), at(milliseconds(1'500'200)));
}

TEST(NextTurn, NeitherRepeatsNorLosesATurnWhenTheTimerIsOff) {
  const std::uint64_t hash = 12'345'678'901;
  const auto turn = first_turn(at(seconds(6000)), interval, hash);
  EXPECT_EQ(next_turn(turn - milliseconds(3), interval, hash), turn + interval);
  EXPECT_EQ(next_turn(turn, interval, hash), turn + interval);
  EXPECT_EQ(next_turn(turn + milliseconds(700), interval, hash), turn + interval);
}

TEST(NextTurn, WorksForIntervalsBelowASecondAndBeforeTheEpoch) {
  const auto turn = first_turn(at(milliseconds(-12'345)), milliseconds(100), 42);
  EXPECT_GT(turn, at(milliseconds(-12'345)));
  EXPECT_LE(turn, at(milliseconds(-12'245)));
  EXPECT_EQ(next_turn(turn, milliseconds(100), 42), turn + milliseconds(100));
}

}  // namespace
}  // namespace heapwatch::check::schedule
