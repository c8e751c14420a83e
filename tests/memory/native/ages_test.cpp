#include "memory/native/ages.h"

#include <gmock/gmock.h>

#include <string>

#include "pprof/profile.h"

namespace heapwatch::memory::native {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

NativeHeap::Record record(std::vector<std::uintptr_t> stack, std::int64_t inuse,
                          std::vector<NativeHeap::Record::Birth> births) {
  return {.stack = std::move(stack),
          .size = 100,
          .allocated = inuse,
          .inuse = inuse,
          .births = std::move(births)};
}

TEST(Ages, AClassBeginsWithItsLeastAge) {
  const milliseconds now{100'000};
  const auto blocks = blocks_by_age(record({1}, 15,
                                           {{milliseconds(39'999), 1},    // 60.001 s
                                            {milliseconds(40'000), 2},    // 60 s
                                            {milliseconds(40'001), 4},    // 59.999 s
                                            {milliseconds(99'001), 8}}),  // 0.999 s
                                    now);
  EXPECT_THAT(blocks, ElementsAre(8, 0, 4, 3, 0, 0, 0, 0));
}

TEST(Ages, NoMoreBlocksHaveAnAgeThanAreInUse) {
  // Some were made while they were read.
  const auto blocks = blocks_by_age(
      record({1}, 5, {{milliseconds(0), 3}, {milliseconds(9'500), 4}}), milliseconds(10'000));
  EXPECT_THAT(blocks, ElementsAre(2, 0, 3, 0, 0, 0, 0, 0));
}

TEST(Ages, SurvivalIsWhatOfTheBlocksOfThenLivesStill) {
  NativeHeap earlier;
  earlier.now = milliseconds(1'000);
  earlier.records = {record({1}, 10, {}), record({2}, 4, {})};
  NativeHeap later;
  later.now = milliseconds(13'000);
  // A leak keeps all and makes more, at each moment; a cache has given up its old blocks.
  later.records = {record({1}, 22, {{milliseconds(500), 10}}),
                   record({2}, 4, {{milliseconds(12'500), 4}}),
                   record({3}, 1, {{milliseconds(2'000), 1}})};
  for (int second = 1; second <= 12; ++second) {
    later.records[0].births.push_back({milliseconds(second * 1'000 + 500), 1});
  }
  const std::vector<SiteLife> sites = site_lives(earlier, later);
  ASSERT_EQ(sites.size(), 3U);
  EXPECT_THAT(sites[0].stack, ElementsAre(1));
  EXPECT_EQ(sites[0].bytes, 2200);
  EXPECT_EQ(sites[0].bytes_then, 1000);
  EXPECT_EQ(sites[0].survival(), 1);
  EXPECT_EQ(sites[0].ages_alive, 12U);
  EXPECT_THAT(sites[1].stack, ElementsAre(2));
  EXPECT_EQ(sites[1].survival(), 0);
  EXPECT_EQ(sites[1].ages_alive, 1U);
  EXPECT_EQ(sites[2].bytes_then, 0);
  EXPECT_EQ(sites[2].survival(), 0);
}

TEST(Ages, SizesOfOneSiteAddUpByTheirBytes) {
  NativeHeap heap;
  heap.now = milliseconds(4'000);
  heap.mark = milliseconds(2'000);
  NativeHeap::Record large = record({1}, 1, {{milliseconds(1'000), 1}});
  large.size = 900;
  large.at_mark = 1;
  NativeHeap::Record small = record({1}, 0, {});
  small.at_mark = 1;
  heap.records = {large, small};
  const std::vector<SiteLife> sites = site_lives(heap);
  ASSERT_EQ(sites.size(), 1U);
  EXPECT_EQ(sites[0].survival(), 0.9);
}

TEST(Ages, WithoutAMarkNothingIsSaidOfSurvival) {
  NativeHeap heap;
  heap.records = {record({1}, 1, {{milliseconds(0), 1}})};
  EXPECT_THAT(site_lives(heap), IsEmpty());
}

std::vector<std::string> described_samples(const pprof::Profile& profile) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    std::string text;
    for (const std::int64_t value : profile.samples.values(i)) {
      text += std::to_string(value) + ' ';
    }
    for (const pprof::Label& label : profile.samples.labels(i)) {
      if (label.is_number) {
        text += std::string(profile.strings[label.key]) + '=' + std::to_string(label.number) +
                std::string(profile.strings[label.text]) + ' ';
      }
    }
    all.push_back(text);
  }
  return all;
}

TEST(Ages, ASampleForEachClassHasInSumWhatTheRecordHas) {
  NativeHeap heap;
  heap.now = milliseconds(70'000);
  heap.mark = milliseconds(20'000);
  NativeHeap::Record all = record({1}, 7, {{milliseconds(1'000), 4}, {milliseconds(69'900), 3}});
  all.allocated = 10;
  all.at_mark = 8;
  heap.records = {all};
  EXPECT_THAT(described_samples(native_profile(heap, {.symbolize = false})),
              ElementsAre("3 300 3 300 age=0seconds bytes=100 survival=50percent ",
                          "4 400 4 400 age=60seconds bytes=100 survival=50percent ",
                          "3 300 0 0 bytes=100 "));
}

}  // namespace
}  // namespace heapwatch::memory::native
