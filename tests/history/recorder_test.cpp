#include "history/recorder.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "made_history.h"

namespace heapwatch::history {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using tests::day;
using tests::hour;
using tests::minute;
using tests::second;
using tests::start;

class RecorderOfHistory : public tests::MadeHistory {
 protected:
  /// The only life there is.
  [[nodiscard]] Course course(Span span, std::size_t frames) const {
    auto read = archive();
    const auto lives = read.lives({0, now_ + day});
    EXPECT_TRUE(lives);
    EXPECT_THAT(*lives, SizeIs(1));
    auto found = read.course(lives->front().id, span, frames);
    EXPECT_TRUE(found) << found.error().message;
    return std::move(*found);
  }
};

TEST_F(RecorderOfHistory, KeepsWhatItWasGivenToTheByte) {
  record({{"native/glibc/live", 10}, {"rss", -5}});
  now_ += 10 * second;
  record({{"native/glibc/live", 12}, {"go/live", 1}});
  const Course read = course({start, now_}, 100);
  EXPECT_THAT(read.times, ElementsAre(start, start + 10 * second));
  EXPECT_THAT(read.columns.at("native/glibc/live").last, ElementsAre(10, 12));
  EXPECT_THAT(read.columns.at("rss").last, ElementsAre(-5, absent));
  EXPECT_THAT(read.columns.at("go/live").last, ElementsAre(absent, 1));
}

TEST_F(RecorderOfHistory, ShowsALongSpanByMinutesWithTheLeastAndTheGreatest) {
  for (int i = 0; i < 18; ++i) {  // three minutes
    record({{"rss", (i * 7) % 18}});
    now_ += 10 * second;
  }
  const Course read = course({start, start + 3 * hour}, 200);
  ASSERT_GE(read.times.size(), 3U);
  EXPECT_EQ(read.times[0], start + minute - 1);
  EXPECT_EQ(read.times[1], start + 2 * minute - 1);
  const Column& rss = read.columns.at("rss");
  EXPECT_EQ(rss.last[0], 35 % 18);
  EXPECT_EQ(rss.least[0], 0);
  EXPECT_EQ(rss.greatest[0], 17);
}

TEST_F(RecorderOfHistory, ShowsNoValueBeforeItWasThere) {
  now_ = start + 25 * second;
  for (int i = 1; i <= 30; ++i) {  // five minutes of growth, which begin within a minute
    record({{"rss", i}});
    now_ += 10 * second;
  }
  for (const std::size_t frames : {5U, 100U, 5000U}) {
    const Course read = course({start, now_}, frames);
    EXPECT_TRUE(std::is_sorted(read.times.begin(), read.times.end()));
    const auto& rss = read.columns.at("rss").last;
    EXPECT_TRUE(std::is_sorted(rss.begin(), rss.end())) << frames;
  }
}

TEST_F(RecorderOfHistory, GoesOnWithALifeAfterARestartAsIfThereHadBeenNone) {
  const auto write = [this](bool restarts) {
    now_ = start;
    std::filesystem::remove(path());
    for (int i = 0; i < 1000; ++i) {
      record({{"rss", i * i % 1009}});
      now_ += 10 * second;
      if (restarts && i % 37 == 0) {
        stop();
      }
    }
    stop();
    return std::tuple{course({start, now_}, 5000), course({start, now_}, 200),
                      course({start, now_ + 100 * day}, 200)};
  };
  const auto with = write(true);
  const auto without = write(false);
  EXPECT_EQ(std::get<0>(with).times, std::get<0>(without).times);
  EXPECT_EQ(std::get<0>(with).columns.at("rss").last, std::get<0>(without).columns.at("rss").last);
  EXPECT_THAT(std::get<0>(with).times, SizeIs(1000));
  EXPECT_EQ(std::get<1>(with).columns.at("rss"), std::get<1>(without).columns.at("rss"));
  EXPECT_EQ(std::get<2>(with).columns.at("rss"), std::get<2>(without).columns.at("rss"));
}

TEST_F(RecorderOfHistory, ShowsLivesOfAServiceOneBehindTheOther) {
  record({{"rss", 1}}, life("boot/7/100"));
  recorder().end(life("boot/7/100"), now_, "oom kill");
  now_ += minute;
  record({{"rss", 2}}, life("boot/8/200"));
  auto read = archive();
  const auto lives = read.lives({start, now_});
  ASSERT_TRUE(lives);
  ASSERT_THAT(*lives, SizeIs(2));
  EXPECT_FALSE((*lives)[0].ended);
  EXPECT_EQ((*lives)[1].ended, start);
  EXPECT_EQ((*lives)[1].how, "oom kill");
  EXPECT_EQ((*lives)[0].info.service, (*lives)[1].info.service);
}

TEST_F(RecorderOfHistory, BeginsANewLifeWhenTheClockIsSetFarBack) {
  record({{"rss", 1}});
  now_ -= hour;
  record({{"rss", 2}});
  now_ += 10 * second;
  record({{"rss", 3}});
  auto read = archive();
  const auto lives = read.lives({0, start + day});
  ASSERT_TRUE(lives);
  ASSERT_THAT(*lives, SizeIs(2));
  const auto later = read.course((*lives)[1].id, {0, start + day}, 10'000);
  ASSERT_TRUE(later);
  EXPECT_THAT(later->times, ElementsAre(start - hour, start - hour + 10 * second));
}

TEST_F(RecorderOfHistory, KeepsEventsAndProfilesOfALife) {
  record({{"rss", 1}});
  const LifeInfo mine = life();
  recorder().event(&mine, now_, "verdict", "leak in native");
  recorder().event(nullptr, now_ + 1, "reload", "the configuration was read again");
  recorder().profile(mine, now_, "native", "verdict", std::string("\x1f\x8b\0x", 4));
  recorder().flush();
  auto read = archive();
  const auto events = read.events(1, {start, now_ + 1});
  ASSERT_TRUE(events);
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[0].text, "leak in native");
  EXPECT_FALSE((*events)[1].life);
  const auto profiles = read.profiles(1, {start, now_});
  ASSERT_TRUE(profiles);
  ASSERT_THAT(*profiles, SizeIs(1));
  EXPECT_EQ((*profiles)[0].bytes, 4U);
  EXPECT_EQ(read.profile((*profiles)[0].id).value_or(""), std::string("\x1f\x8b\0x", 4));
  EXPECT_EQ(read.profile(99).error().message,
            "history has no profile 99; it may have been dropped");
}

TEST_F(RecorderOfHistory, StandsStillWhenTheDiskIsFullSaysItOnceAndGoesOnWhenThereIsRoom) {
  record({{"rss", 1}});
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  // No file of this process grows any more, as on a full disk.
  struct rlimit full {
    8192, before.rlim_max
  };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  for (int i = 0; i < 400; ++i) {
    now_ += 10 * second;
    record({{"rss", i}, {"series " + std::to_string(i), i}});
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, handler);
  EXPECT_NE(recorder().status().trouble, "");
  EXPECT_GT(recorder().status().lost, 300U);
  ASSERT_THAT(said_, SizeIs(1));
  EXPECT_THAT(said_[0], HasSubstr("history stands still, and is tried again every minute: "));
  now_ += 2 * minute;
  record({{"rss", 77}});
  EXPECT_EQ(recorder().status().trouble, "");
  EXPECT_EQ(course({now_, now_}, 10).columns.at("rss").last, std::vector<std::int64_t>{77});
}

TEST_F(RecorderOfHistory, OfAFileThatIsBrokenStandsStillAndLeavesTheFile) {
  std::ofstream(path()) << std::string(5000, 'x');
  record({{"rss", 1}});
  EXPECT_THAT(recorder().status().trouble, HasSubstr("file is not a database"));
  EXPECT_EQ(std::filesystem::file_size(path()), 5000U);
}

TEST_F(RecorderOfHistory, KeepsABoundedNumberOfReadingsThatWait) {
  for (std::size_t i = 0; i < Recorder::lives_waiting_max + 10; ++i) {
    recorder().record(
        {.life = life("boot/1/" + std::to_string(i)), .time = now_, .values = {{"rss", 1}}});
  }
  EXPECT_EQ(recorder().status().lost, 10U);
  recorder().flush();
  EXPECT_EQ(recorder().status().written, Recorder::lives_waiting_max);
}

TEST_F(RecorderOfHistory, LosesTheValueWhoseNameIsTooLongAndNoOther) {
  record({{std::string(series_name_max + 1, 'n'), 1}, {"rss", 2}});
  const Course read = course({start, now_}, 10);
  EXPECT_THAT(read.columns, SizeIs(1));
  EXPECT_THAT(read.columns.at("rss").last, ElementsAre(2));
}

TEST_F(RecorderOfHistory, KeepsTheLastOfEachValueBetweenTwoWrites) {
  recorder().record({.life = life(), .time = now_, .values = {{"rss", 1}, {"row:a/b/live", 2}}});
  recorder().record({.life = life(), .time = now_ + 1, .values = {{"rss", 3}}});
  recorder().flush();
  const Course read = course({start, now_ + 1}, 10);
  EXPECT_THAT(read.columns.at("rss").last, ElementsAre(3));
  EXPECT_THAT(read.columns.at("row:a/b/live").last, ElementsAre(2));
}

TEST_F(RecorderOfHistory, KeepsNoRowsOfAnOlderLook) {
  recorder().record({.life = life(),
                     .time = now_,
                     .values = {{"row:a/b/live", 2}, {"row:gone/b/live", 1}, {"rows_rss", 3}}});
  recorder().record(
      {.life = life(), .time = now_ + 1, .values = {{"row:a/b/live", 4}, {"rows_rss", 4}}});
  recorder().flush();
  const Course read = course({start, now_ + 1}, 10);
  EXPECT_THAT(read.columns.at("row:a/b/live").last, ElementsAre(4));
  EXPECT_FALSE(read.columns.contains("row:gone/b/live"));
}

TEST_F(RecorderOfHistory, GivesTheSeriesThatAreAskedForAlone) {
  for (int i = 0; i < 800; ++i) {
    record({{"rss", i}, {"row:native/glibc/live", i}, {"threads", 3}});
    now_ += 10 * second;
  }
  Archive reader = archive();
  for (const std::size_t frames : {5U, 100U, 5000U}) {
    const auto all = reader.course(1, {start, now_}, frames);
    const auto some = reader.course(1, {start, now_}, frames, {"threads", "rss", "unknown"});
    ASSERT_TRUE(all && some);
    EXPECT_EQ(some->times, all->times);
    ASSERT_EQ(some->columns.size(), 2U);
    EXPECT_EQ(some->columns.at("rss"), all->columns.at("rss"));
    EXPECT_EQ(some->columns.at("threads"), all->columns.at("threads"));
    EXPECT_TRUE(reader.course(1, {start, now_}, frames, {"unknown"})->columns.empty());
  }
}

TEST_F(RecorderOfHistory, ListsLivesOfAKind) {
  LifeInfo target = life("target/a");
  target.kind = "target";
  record({{"rss", 1}});
  record({{"rss", 2}}, target);
  EXPECT_EQ(archive().lives({0, now_})->size(), 2U);
  EXPECT_EQ(archive().lives({0, now_}, "target")->size(), 1U);
  EXPECT_EQ(archive().lives({0, now_}, "target")->front().info.identity, "target/a");
  EXPECT_EQ(archive().lives({0, now_}, "check")->size(), 0U);
  EXPECT_EQ(archive().newest(), now_);
}

}  // namespace
}  // namespace heapwatch::history
