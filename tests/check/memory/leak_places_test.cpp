// Places where memory grows, from what stacks hold at two moments.
#include "check/memory/leak_places.h"

#include <gmock/gmock.h>

namespace heapwatch::check::memory {
namespace {

using heapwatch::memory::native::interpreted_bit;
using heapwatch::memory::native::NativeHeap;
using std::chrono::milliseconds;

/// Blocks of 1000 bytes of one line of Python, which were made `made` milliseconds after the start.
NativeHeap heap_of(std::int64_t now, std::int64_t blocks, std::int64_t made) {
  NativeHeap heap;
  heap.now = milliseconds(now);
  heap.frames = {{.name = "keep", .file = "/srv/orders.py", .line = 41, .first_line = 40}};
  NativeHeap::Record record{
      .stack = {interpreted_bit}, .component = "", .process = "", .size = 1000};
  record.allocated = record.inuse = blocks;
  record.births = {{milliseconds(made), blocks}};
  heap.records.push_back(std::move(record));
  return heap;
}

PlaceSources sources_of(NativeHeap heap) {
  return {.native = std::move(heap), .go_heap = "", .goroutines = ""};
}

TEST(LeakPlaces, AreAskedForWhenThereIsALeakAndAgainMinutesLater) {
  LeakPlaces places(600);
  EXPECT_FALSE(places.is_due(0, {}));
  ASSERT_TRUE(places.is_due(60, {"native"}));
  EXPECT_FALSE(places.wants_goroutines());
  EXPECT_FALSE(places.take(60, sources_of(heap_of(60'000, 100, 1000))));
  EXPECT_FALSE(places.is_due(100, {"native"}));
  EXPECT_TRUE(places.is_due(60 + LeakPlaces::apart_s, {"goroutine", "native"}));
  EXPECT_TRUE(places.wants_goroutines());
}

TEST(LeakPlaces, AreSeldomAskedForWhereThereIsNothingToTake) {
  LeakPlaces places(600);
  ASSERT_TRUE(places.is_due(60, {"native"}));
  EXPECT_FALSE(places.take(60, {}));
  EXPECT_FALSE(places.is_due(60 + LeakPlaces::apart_s, {"native"}));
  EXPECT_TRUE(places.is_due(60 + LeakPlaces::again_s, {"native"}));
}

TEST(LeakPlaces, AreTheStacksThatGrewWithWhatSurvived) {
  LeakPlaces places(600);
  ASSERT_TRUE(places.is_due(60, {"native"}));
  EXPECT_FALSE(places.take(60, sources_of(heap_of(60'000, 100, 1000))));
  ASSERT_TRUE(places.is_due(180, {"native"}));
  NativeHeap later = heap_of(180'000, 300, 1000);
  later.records.front().births = {{milliseconds(1000), 100}, {milliseconds(120'000), 200}};
  EXPECT_TRUE(places.take(180, sources_of(std::move(later))));
  ASSERT_EQ(places.places().size(), 1U);
  const leak::SiteGrowth& place = places.places().front();
  EXPECT_EQ(place.stack, (std::vector<leak::Frame>{{"keep", "/srv/orders.py", 41, "python"}}));
  EXPECT_EQ(place.bytes, 200'000);
  EXPECT_EQ(place.seconds, 120);
  EXPECT_EQ(place.survival, 1.0);
  EXPECT_EQ(place.ages, 1);
  EXPECT_FALSE(places.is_due(300, {"native"}));
  EXPECT_TRUE(places.is_due(180 + LeakPlaces::again_s, {"native"}));
}

TEST(LeakPlaces, TellOfBlocksThatAreGivenUpForNewOnes) {
  LeakPlaces places(600);
  ASSERT_TRUE(places.is_due(60, {"native"}));
  EXPECT_FALSE(places.take(60, sources_of(heap_of(60'000, 100, 50'000))));
  EXPECT_TRUE(places.take(180, sources_of(heap_of(180'000, 300, 170'000))));
  EXPECT_EQ(places.places().front().survival, 0.0);
}

TEST(LeakPlaces, AreForgottenSomeTimeAfterTheLeak) {
  LeakPlaces places(600);
  ASSERT_TRUE(places.is_due(60, {"native"}));
  EXPECT_FALSE(places.take(60, sources_of(heap_of(60'000, 100, 1000))));
  EXPECT_TRUE(places.take(180, sources_of(heap_of(180'000, 300, 1000))));
  EXPECT_FALSE(places.is_due(10'000, {}));
  EXPECT_THAT(places.places(), testing::IsEmpty());
  EXPECT_TRUE(places.is_due(10'060, {"native"}));
}

}  // namespace
}  // namespace heapwatch::check::memory
