#include "check/memory/windows.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <random>

#include "check/memory/published.h"

namespace heapwatch::check::memory {
namespace {

using leak::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr double minute = 60;
constexpr double hour = 3600;
constexpr double mib = 1024.0 * 1024;
const std::vector<double> lengths{600, 3600, 86'400};

/// A process with so many MiB in use of the C allocator at a time, and the noise of an allocator.
class Process {
 public:
  using Level = std::function<double(double at)>;

  explicit Process(Level level, double every = minute) : level_(std::move(level)), every_(every) {
    windows.is_of(7, std::nullopt);
  }

  static leak::Look look_at(double at, double live) {
    const double held = 3 * mib;
    return {.at = at,
            .rss = live + held + 9 * mib,
            .cpu_seconds = 0.01 * at,
            .virtual_bytes = 500 * mib + live,
            .threads = 4,
            .descriptors = 12,
            .connections = 2,
            .rows = {{"native", "glibc", "live", live},
                     {"native", "glibc", "held", held},
                     {"files", "/bin/a", "mapped", 9 * mib}},
            .sizes = {{"native", "blocks of 3024 bytes", live / 3024, live}}};
  }
  void until(double end) {
    for (; at <= end; at += every_) {
      std::uniform_real_distribution<double> noise(0, 0.2);
      if (windows.add(look_at(at, (level_(at) + noise(random_)) * mib))) {
        if (const auto change = published.take(at, windows.opinion())) {
          changes.push_back({at, published.verdict()});
        }
      }
    }
  }
  std::size_t leaks_told() const {
    return static_cast<std::size_t>(
        std::count_if(changes.begin(), changes.end(),
                      [](const auto& change) { return change.second == Verdict::leak; }));
  }

  double at = 0;
  Windows windows{lengths};
  Published published{lengths};
  std::vector<std::pair<double, Verdict>> changes;

 private:
  Level level_;
  double every_;
  std::mt19937 random_{42};
};

TEST(Windows, ALeakIsToldWithItsSpaceAndRateOnceTheShortestWindowIsFull) {
  Process process([](double at) { return 100 + 2 * at / minute; });
  process.until(16 * minute);
  const Opinion& told = process.published.told();
  EXPECT_EQ(told.verdict, Verdict::leak) << told.sentence;
  EXPECT_EQ(told.space, "native");
  ASSERT_EQ(told.leaks.size(), 1U);
  EXPECT_NEAR(told.leaks.front().rate->value * minute / mib, 2, 0.2);
  EXPECT_THAT(told.sentence, StartsWith("leak in native memory: +"));
  EXPECT_THAT(told.sentence, HasSubstr(" blocks of 3024 bytes, +2.0 MiB/min ("));
  EXPECT_THAT(told.sentence, HasSubstr(", seen for "));
  EXPECT_EQ(process.leaks_told(), 1U);
}

TEST(Windows, WhatDoesNotGrowIsSteadyAllDay) {
  Process process([](double) { return 100; }, 5 * minute);
  process.until(30 * hour);
  EXPECT_EQ(process.published.verdict(), Verdict::steady) << process.published.told().sentence;
  EXPECT_EQ(process.changes.size(), 1U);  // from "cannot tell"
}

TEST(Windows, ALeakThatOnlyADayShowsIsToldByTheLongestWindow) {
  Process process([](double at) { return 100 + 0.6 * at / hour; }, 2 * minute);
  process.until(hour);
  EXPECT_NE(process.windows.opinion().verdict, Verdict::leak);
  process.until(24 * hour);
  const Opinion& told = process.published.told();
  EXPECT_EQ(told.verdict, Verdict::leak) << told.sentence;
  EXPECT_NEAR(told.leaks.front().rate->value * hour / mib, 0.6, 0.1);
}

TEST(Windows, ALeakThatEndsIsTakenBackAlthoughLongerWindowsStillSeeIt) {
  Process process([](double at) { return 100 + 2 * std::min(at, 2 * hour) / minute; });
  process.until(2 * hour);
  EXPECT_EQ(process.published.verdict(), Verdict::leak);
  process.until(2 * hour + 40 * minute);
  EXPECT_NE(process.published.verdict(), Verdict::leak) << process.published.told().sentence;
  EXPECT_EQ(process.leaks_told(), 1U);
}

TEST(Windows, ACacheThatTakesAnHourToFillIsNotALeak) {
  Process process([](double at) { return 50 + 200 * (1 - std::exp(-at / (20 * minute))); });
  process.until(5 * hour);
  EXPECT_EQ(process.leaks_told(), 0U);
}

/// Up for twenty minutes and down for twenty: nobody can tell the first rise from a leak.
TEST(Windows, WhatComesAndGoesIsNotALeakOnceItHasGone) {
  Process process([](double at) {
    const double phase = std::fmod(at, 40 * minute) / (20 * minute);
    return 100 + 60 * (phase < 1 ? phase : 2 - phase);
  });
  process.until(80 * minute);
  const std::size_t first = process.leaks_told();
  EXPECT_LE(first, 1U);
  process.until(12 * hour);
  EXPECT_EQ(process.leaks_told(), first);
}

TEST(Windows, TwoSpacesThatLeakAreBothTold) {
  Windows windows(lengths);
  for (double at = 0; at <= 20 * minute; at += minute) {
    leak::Look look = Process::look_at(at, 100 * mib + 2 * mib * at / minute);
    look.descriptors = 12 + 6 * at / minute;
    windows.add(std::move(look));
  }
  std::vector<std::string> spaces;
  for (const auto& leak : windows.opinion().leaks) {
    spaces.push_back(leak.space);
  }
  EXPECT_THAT(spaces, ElementsAre("native", "files"));
}

TEST(Windows, KeepAndCostTheSameAfterDaysAsAfterOne) {
  Process process([](double at) { return 100 + 0.001 * at; }, 5 * minute);
  process.until(24 * hour);
  const std::size_t kept = process.windows.kept();
  const std::size_t of_first_day = process.windows.judgements();
  EXPECT_LE(kept, lengths.size() * (LookRing::slots + 1));
  process.until(72 * hour);
  EXPECT_LE(process.windows.kept(), kept + lengths.size());
  EXPECT_LE(process.windows.judgements(),
            3 * (of_first_day + lengths.size() * leak::series_values_min));
}

TEST(Windows, TheSameLooksComeToTheSameWords) {
  const auto level = [](double at) { return 100 + 3 * at / minute; };
  Process one(level);
  Process other(level);
  one.until(2 * hour);
  other.until(2 * hour);
  EXPECT_EQ(one.windows.opinion().sentence, other.windows.opinion().sentence);
}

TEST(LookRing, KeepsOfEachSlotTheLookWithTheLeastInUse) {
  RowNames names;
  LookRing ring(48 * 10);
  EXPECT_TRUE(ring.add(Process::look_at(0, 5), names));
  EXPECT_FALSE(ring.add(Process::look_at(4, 3), names));
  EXPECT_FALSE(ring.add(Process::look_at(8, 4), names));
  EXPECT_TRUE(ring.add(Process::look_at(10, 9), names));
  const auto looks = ring.looks(names);
  ASSERT_EQ(looks.size(), 2U);
  EXPECT_EQ(looks[0].at, 4);
  leak::Look expected = Process::look_at(4, 3);
  expected.rows[2].owner.clear();  // pages of all files are one row
  EXPECT_EQ(looks[0], expected);
  EXPECT_EQ(looks[1].at, 10);
}

TEST(LookRing, ALookThatWasTornGivesWayToAWholeOne) {
  RowNames names;
  LookRing ring(480);
  leak::Look torn = Process::look_at(0, 1);
  torn.torn = {"native"};
  ring.add(torn, names);
  ring.add(Process::look_at(5, 100), names);
  torn.at = 6;
  ring.add(torn, names);
  ASSERT_EQ(ring.looks(names).size(), 1U);
  EXPECT_EQ(ring.looks(names)[0].at, 5);
}

TEST(LookRing, ForgetsWhatIsOlderThanItsLength) {
  RowNames names;
  LookRing ring(480);
  for (int at = 0; at < 2000; ++at) {
    ring.add(Process::look_at(at, 5), names);
  }
  EXPECT_GE(ring.looks(names).front().at, 1999 - 480);
  EXPECT_LE(ring.size(), LookRing::slots + 1);
  EXPECT_THAT(ring.looks(names).front().sizes, IsEmpty());  // sizes are kept seldom
}

TEST(RowNames, AreSoManyAtMostHoweverManyOwnersThereAre) {
  RowNames names;
  LookRing ring(480);
  leak::Look look{.at = 0};
  for (int i = 0; i < 1000; ++i) {
    look.rows.push_back({"other", "owner " + std::to_string(i), "mapped", 1});
  }
  ring.add(look, names);
  const auto rows = ring.looks(names).front().rows;
  EXPECT_EQ(rows.size(), RowNames::rows_max);
  EXPECT_EQ(rows.back().owner, "smaller owners");
  EXPECT_EQ(rows.back().bytes, 1000 - (RowNames::rows_max - 1));
}

}  // namespace
}  // namespace heapwatch::check::memory
