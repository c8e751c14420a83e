#include "history/frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

namespace heapwatch::history {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min() + 1;

Frames made(std::mt19937_64& random, std::size_t lanes) {
  const auto up_to = [&random](std::uint64_t bound) { return random() % (bound + 1); };
  Frames frames;
  const std::size_t count = up_to(50);
  std::int64_t time = 1'790'000'000'000;
  for (std::size_t i = 0; i < count; ++i) {
    time += 1 + static_cast<std::int64_t>(up_to(3) == 0 ? up_to(1U << 30U) : 9999);
    frames.times.push_back(time);
  }
  const std::size_t columns = up_to(6);
  for (std::size_t c = 0; c < columns; ++c) {
    Column column{
        .series = static_cast<SeriesId>(random()), .last = {}, .least = {}, .greatest = {}};
    const std::uint64_t kind = up_to(4);
    std::int64_t value = static_cast<std::int64_t>(up_to(1U << 30U));
    for (std::size_t i = 0; i < count; ++i) {
      switch (kind) {
        case 0:
          break;  // stands still
        case 1:
          value += 4096;
          break;  // grows steadily
        case 2:
          value = static_cast<std::int64_t>(random());
          break;  // anything
        case 3:
          value = (i % 2 == 0) ? largest : least;
          break;  // wraps around
        default:
          value += static_cast<std::int64_t>(up_to(200)) - 100;  // wanders
      }
      const bool is_absent = up_to(5) == 0 || value == absent;
      column.last.push_back(is_absent ? absent : value);
      if (lanes == 3) {
        column.least.push_back(is_absent ? absent : static_cast<std::int64_t>(random() >> 1U));
        column.greatest.push_back(is_absent ? absent : value);
      }
    }
    frames.columns.push_back(std::move(column));
  }
  return frames;
}

TEST(FramesOfHistory, ComeBackFromABlockAsTheyWere) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    const Frames frames = made(random, i % 2 == 0 ? 1 : 3);
    const auto back = decode(encode(frames));
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, frames) << i;
  }
}

TEST(FramesOfHistory, TakeNextToNothingWhereValuesStandStillOrGrowSteadily) {
  Frames frames;
  Column still{.series = 1, .last = {}, .least = {}, .greatest = {}};
  Column growing{.series = 2, .last = {}, .least = {}, .greatest = {}};
  for (std::int64_t i = 0; i < 360; ++i) {
    frames.times.push_back(1'790'000'000'000 + i * 10'000);
    still.last.push_back(123'456'789);
    growing.last.push_back(1'000'000 + i * 4096);
  }
  frames.columns = {still, growing};
  EXPECT_LT(encode(frames).size(), 60U);
}

TEST(FramesOfHistory, OfABlockThatIsCutOffAnywhereAreAnError) {
  std::mt19937_64 random(2);
  Frames frames = made(random, 3);
  while (frames.times.size() < 10 || frames.columns.size() < 2) {
    frames = made(random, 3);
  }
  const std::string block = encode(frames);
  for (std::size_t size = 0; size < block.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view{block}.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode(block + '\0'));
}

TEST(FramesOfHistory, OfABlockThatSaysItIsHugeAreRefusedBeforeTheyAreMade) {
  const std::string block = std::string("\1\1", 2) + "\xff\xff\xff\x7f" + "\xff\xff\x7f";
  const auto read = decode(block);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "a block of history is damaged: more frames or columns than a block has");
}

TEST(FramesOfHistory, AreAppendedBySeriesAndOnlyBehindTheLast) {
  Frames frames{.times = {10, 20},
                .columns = {{.series = 1, .last = {5, 6}, .least = {}, .greatest = {}}}};
  append(frames, {.times = {20, 30},
                  .columns = {{.series = 2, .last = {7, 8}, .least = {}, .greatest = {}},
                              {.series = 1, .last = {0, 9}, .least = {}, .greatest = {}}}});
  const Frames wanted{
      .times = {10, 20, 30},
      .columns = {{.series = 1, .last = {5, 6, 9}, .least = {}, .greatest = {}},
                  {.series = 2, .last = {absent, absent, 8}, .least = {}, .greatest = {}}}};
  EXPECT_EQ(frames, wanted);
}

TEST(FramesOfHistory, AreCutToASpanWithBothItsEnds) {
  Frames frames{.times = {10, 20, 30, 40},
                .columns = {{.series = 1, .last = {1, 2, 3, 4}, .least = {}, .greatest = {}}}};
  cut(frames, 20, 30);
  const Frames wanted{.times = {20, 30},
                      .columns = {{.series = 1, .last = {2, 3}, .least = {}, .greatest = {}}}};
  EXPECT_EQ(frames, wanted);
  cut(frames, 31, 29);
  EXPECT_TRUE(frames.times.empty());
}

TEST(FramesOfHistory, ComeBackWithTheColumnsThatAreWanted) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 1000; ++i) {
    const Frames frames = made(random, i % 2 == 0 ? 1 : 3);
    Frames some = frames;
    std::vector<SeriesId> wanted{1, 2};
    std::erase_if(some.columns, [&](const Column& column) {
      const bool is_wanted = random() % 2 == 0;
      if (is_wanted) {
        wanted.push_back(column.series);
      }
      return !is_wanted;
    });
    std::sort(wanted.begin(), wanted.end());
    const auto read = decode(encode(frames), wanted);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(*read, some) << i;
  }
}

TEST(FramesOfHistory, OfADamagedBlockAreRefusedThoughNobodyWantsIt) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 12; ++i) {
    const std::string block = encode(made(random, 3));
    for (std::size_t size = 0; size < block.size(); size += 1 + size / 20) {
      ASSERT_FALSE(decode(block.substr(0, size), std::vector<SeriesId>{}));
    }
  }
}

}  // namespace
}  // namespace heapwatch::history
