// Days of history in seconds: what is kept, and that the file stays within its bound.
#include <gmock/gmock.h>

#include <random>

#include "made_history.h"

namespace heapwatch::history {
namespace {

using ::testing::SizeIs;
using tests::day;
using tests::hour;
using tests::minute;
using tests::second;
using tests::start;

class RetentionOfHistory : public tests::MadeHistory {
 protected:
  [[nodiscard]] std::uint64_t bytes_on_disk() const {
    std::uint64_t sum = 0;
    for (const char* ending : {"", "-wal"}) {
      std::error_code none;
      const auto size = std::filesystem::file_size(path().string() + ending, none);
      sum += none ? 0 : size;
    }
    return sum;
  }
};

TEST_F(RetentionOfHistory, KeepsADayAsMeasuredTwoWeeksOfMinutesAndHoursBehind) {
  // A step of twenty minutes, so that the test is short: the minutes are frames of one, too.
  constexpr std::int64_t step = 20 * minute;
  for (; now_ < start + 16 * day; now_ += step) {
    recorder().record({.life = life(), .time = now_, .values = {{"rss", (now_ - start) / step}}});
    recorder().flush();
  }
  auto read = archive();
  const auto whole = read.course(1, {start, now_}, 100'000'000);
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_FALSE(whole->times.empty());
  // By hours from the very beginning, and without a hole.
  EXPECT_LE(whole->times.front(), start + hour);
  std::int64_t gap = 0;
  for (std::size_t i = 1; i < whole->times.size(); ++i) {
    gap = std::max(gap, whole->times[i] - whole->times[i - 1]);
  }
  EXPECT_LE(gap, hour);
  constexpr std::size_t frames_of_a_day = day / step;
  const auto by_minutes = read.course(1, {now_ - 13 * day, now_}, 13 * 24 * 60 + 10);
  ASSERT_TRUE(by_minutes);
  EXPECT_GE(by_minutes->times.size(), 13 * frames_of_a_day - 5);
  stop();
  auto raw = Database::open(path(), Database::Mode::read);
  ASSERT_TRUE(raw);
  const auto measured = read_frames(*raw, 1, Tier::measured, {0, now_});
  ASSERT_TRUE(measured);
  EXPECT_GE(measured->times.size(), frames_of_a_day - 5);
  EXPECT_LE(measured->times.size(), frames_of_a_day + 2 * 360);  // a block goes as a whole
}

TEST_F(RetentionOfHistory, HoldsTheFileToItsBound) {
  const Limits limits{.file_max = file_max_least, .life_max = file_max_least};
  std::mt19937_64 random(7);
  recorder(limits);
  std::uint64_t most = 0;
  for (int round = 0; round < 150; ++round, now_ += 2 * minute) {
    for (int process = 0; process < 10; ++process) {
      Reading reading{.life = life("boot/" + std::to_string(process)), .time = now_, .values = {}};
      for (int series = 0; series < 160; ++series) {
        reading.values.emplace_back("series " + std::to_string(series),
                                    static_cast<std::int64_t>(random()));
      }
      recorder().record(std::move(reading));
    }
    if (round % 5 == 0) {
      recorder().profile(life("boot/0"), now_, "native", "schedule", std::string(20'000, 'p'));
    }
    recorder().flush();
    ASSERT_EQ(recorder().status().trouble, "") << round;
    most = std::max(most, bytes_on_disk());
  }
  EXPECT_LE(most, limits.file_max);
  EXPECT_GT(most, limits.file_max / 2);
  // The newest is there, and something older.
  const auto course = archive().course(1, {start, now_}, 100'000);
  ASSERT_TRUE(course);
  ASSERT_FALSE(course->times.empty());
  EXPECT_EQ(course->times.back(), now_ - 2 * minute);
  EXPECT_LT(course->times.front(), now_ - hour);
}

TEST_F(RetentionOfHistory, HoldsALifeToItsPart) {
  const Limits limits{.file_max = 8 * file_max_least, .life_max = 200'000};
  recorder(limits);
  for (int i = 0; i < 50; ++i, now_ += 10 * minute) {
    record({{"rss", i}});
    recorder().profile(life(), now_, "native", "verdict", std::string(20'000, 'p'));
    recorder().profile(life("boot/other"), now_, "native", "verdict", std::string(100, 'p'));
    recorder().flush();
  }
  auto read = archive();
  std::uint64_t bytes = 0;
  const auto mine = read.profiles(1, {0, now_});
  ASSERT_TRUE(mine);
  for (const ProfileInfo& profile : *mine) {
    bytes += profile.bytes;
  }
  EXPECT_LE(bytes, limits.life_max + 20'000);
  EXPECT_GE(bytes, limits.life_max / 2);
  EXPECT_EQ(mine->back().time, now_ - 10 * minute);
  EXPECT_THAT(*read.profiles(2, {0, now_}), SizeIs(50));
}

TEST_F(RetentionOfHistory, KeepsOneProfileAnHourOfOlderDaysAndAllThatHadACause) {
  for (int i = 0; i < 3 * 24 * 6; ++i, now_ += 10 * minute) {
    record({{"rss", i}});
    recorder().profile(life(), now_, "native", i % 60 == 3 ? "verdict" : "schedule", "p");
    recorder().flush();
  }
  const auto profiles = archive().profiles(1, {0, now_});
  ASSERT_TRUE(profiles);
  std::size_t causes = 0;
  std::size_t older = 0;
  std::size_t newer = 0;
  for (const ProfileInfo& profile : *profiles) {
    if (profile.cause == "verdict") {
      ++causes;
    } else {
      ++(profile.time < now_ - day - hour ? older : newer);
    }
  }
  EXPECT_EQ(causes, 8U);
  EXPECT_NEAR(static_cast<double>(older), 47, 2);
  EXPECT_GE(newer, 24U * 6U - 4U);
}

TEST_F(RetentionOfHistory, LeavesWhatHappenedWithTheLifeThatItHappenedIn) {
  // Before there is a frame of it, and before room is made for the first time.
  const LifeInfo early = life("early");
  const LifeInfo profiled = life("profiled");
  recorder().event(&early, now_, "error", "of the early one");
  recorder().profile(profiled, now_, "native", "schedule", "bytes");
  recorder().flush();
  record({{"rss", 1}}, life("other"));
  now_ += 10 * minute;
  record({{"rss", 1}}, early);
  record({{"rss", 1}}, profiled);
  auto read = archive();
  std::size_t found = 0;
  const auto lives = read.lives({0, now_});
  for (const Life& one : *lives) {
    const auto events = read.events(one.id, {0, now_});
    EXPECT_EQ(events->size(), one.info.identity == "early" ? 1U : 0U) << one.info.identity;
    EXPECT_EQ(read.profiles(one.id, {0, now_})->size(), one.info.identity == "profiled" ? 1U : 0U);
    ++found;
  }
  EXPECT_EQ(found, 3U);
}

TEST_F(RetentionOfHistory, ForgetsWhatHappenedInLivesThatItForgets) {
  const LifeInfo gone = life("gone");
  recorder().event(&gone, now_, "error", "of one that is gone");
  recorder().flush();
  now_ += 3 * day;
  record({{"rss", 1}}, life("later"));
  now_ += 10 * minute;
  record({{"rss", 1}}, life("later"));
  EXPECT_THAT(*archive().events(std::nullopt, {0, now_}), SizeIs(0));
}

TEST_F(RetentionOfHistory, ForgetsLivesOfWhichNothingIsLeft) {
  record({{"rss", 1}}, life("boot/gone"));
  now_ += 400 * day;
  record({{"rss", 1}}, life("boot/here"));
  now_ += 10 * minute;
  record({{"rss", 1}}, life("boot/here"));
  EXPECT_THAT(*archive().lives({0, now_}), SizeIs(1));
}

}  // namespace
}  // namespace heapwatch::history
