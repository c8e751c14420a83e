// Heaps that lie: each costs bounded time, says "not walked", and leaves the sum as it is.
#include <gmock/gmock.h>

#include <numeric>

#include "made_heap.h"
#include "memory/glibc/heaps.h"
#include "memory/readers.h"

namespace heapwatch::memory::glibc {
namespace {

using heapwatch::tests::MadeHeap;
using ::testing::HasSubstr;

Picture picture_of_heap(MadeHeap& heap) {
  return picture_of(heap.process().view());
}

std::string failed_checks(const Picture& picture) {
  std::string notes;
  for (const Check& check : picture.checks()) {
    notes += check.ok ? "" : check.note + "\n";
  }
  return notes;
}

/// The rows add up, glibc's memory is claimed as a whole, and the page says why.
void expect_not_walked(MadeHeap& heap, const std::string& why) {
  const Picture picture = picture_of_heap(heap);
  EXPECT_THAT(failed_checks(picture), HasSubstr(why));
  std::uint64_t sum = 0;
  std::uint64_t glibc = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
    glibc += row.owner == "glibc" ? row.bytes : 0;
    EXPECT_NE(row.state, State::live) << row.owner;
  }
  EXPECT_EQ(sum, picture.view().residency().total());
  EXPECT_EQ(glibc, 0x20000U);
}

TEST(GlibcMade, AnHonestHeapIsWalked) {
  MadeHeap heap(0x20000, {0x20, 0x40, 0x1000});
  const Picture picture = picture_of_heap(heap);
  EXPECT_EQ(failed_checks(picture), "");
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_EQ(picture.glibc()->arenas[0].live_blocks(), 3U);
  EXPECT_EQ(picture.glibc()->mallinfo(), (Mallinfo{.arena = 0x20000,
                                                   .ordblks = 1,
                                                   .uordblks = 0x1060,
                                                   .fordblks = 0x20000 - 0x1060,
                                                   .keepcost = 0x20000 - 0x1060}));
}

TEST(GlibcMade, AFreeChunkAndAFastOneAreNotLive) {
  MadeHeap heap(0x20000, {0x20, 0x3000, 0x20, 0x40, 0x20});
  // The second is free: the one behind it does not have it in use, and its bin holds it.
  const std::uint64_t free = MadeHeap::heap + 0x20;
  const std::uint64_t bin = MadeHeap::bins;
  heap.process()
      .write(free + 0x3000 + 8, 0x20)
      .write(free + 16, bin - 16)
      .write(free + 24, bin - 16)
      .write(bin, free)
      .write(bin + 8, free);
  const std::uint64_t fast = MadeHeap::heap + 0x3040;
  heap.process()
      .write(MadeHeap::arena + 0x10 + 8 * 2, fast)
      .write(fast + 16, (fast + 16) >> 12);  // mangled: the end of the list
  const Picture picture = picture_of_heap(heap);
  EXPECT_EQ(failed_checks(picture), "");
  ASSERT_NE(picture.glibc(), nullptr);
  const Mallinfo info = picture.glibc()->mallinfo();
  EXPECT_EQ(info.ordblks, 2U);
  EXPECT_EQ(info.smblks, 1U);
  EXPECT_EQ(info.fsmblks, 0x40U);
  EXPECT_EQ(picture.glibc()->arenas[0].live_blocks(), 3U);
  EXPECT_EQ(picture.allocators()[0].trim_bytes % 4096, 0U);
}

/// Live blocks of five, of which one is a thread's cache that holds another, by its count
/// `counted`.
std::uint64_t live_beside_cache(std::uint64_t counted) {
  MadeHeap heap(0x20000, {0x20, 0x290, 0x40, 0x40, 0x20});
  const std::uint64_t cache = MadeHeap::heap + 0x30;
  const std::uint64_t held = MadeHeap::heap + 0x2c0;  // where its user's memory begins
  constexpr std::uint64_t bin = 2;                    // of chunks of 0x40 bytes
  heap.process()
      .write(cache, counted << (bin * 16))
      .write(cache + 128 + bin * 8, held)
      .write(held, held >> 12);  // mangled: the end of the list
  const Picture picture = picture_of_heap(heap);
  EXPECT_EQ(failed_checks(picture), "");
  return picture.glibc() == nullptr ? 0 : picture.glibc()->arenas[0].live_blocks();
}

TEST(GlibcMade, ACacheIsKnownWhenItsThreadStandsBetweenAListAndItsCount) {
  EXPECT_EQ(live_beside_cache(1), 4U);
  EXPECT_EQ(live_beside_cache(0), 4U);
  EXPECT_EQ(live_beside_cache(2), 4U);
  EXPECT_EQ(live_beside_cache(3), 5U) << "no cache, then";
}

TEST(GlibcHostile, AChunkOfGiganticSize) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process().write(MadeHeap::heap + 0x28, 0x7fffffffffffff01);
  expect_not_walked(heap, "has a size of 9223372036854775552");
}

TEST(GlibcHostile, AChunkOfNoSize) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process().write(MadeHeap::heap + 0x28, 1);
  expect_not_walked(heap, "has a size of 0");
}

TEST(GlibcHostile, AChunkThatSteersPastTheTop) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process()
      .write(MadeHeap::heap + 0x28, 0x1000 | 1)
      .write(MadeHeap::heap + 0x1028, 0x100000 | 1);
  expect_not_walked(heap, "has a size of 1048576");
}

TEST(GlibcHostile, AFastBinThatComesBackToItself) {
  MadeHeap heap(0x20000, {0x20, 0x40, 0x40});
  const std::uint64_t a = MadeHeap::heap + 0x20;
  const std::uint64_t b = a + 0x40;
  heap.process().write(MadeHeap::arena + 0x10 + 8 * 2, a).write(a + 16, b).write(b + 16, a);
  expect_not_walked(heap, "a fast bin's list does not end");
}

TEST(GlibcHostile, AnArenaThatSaysToHaveMoreThanThereIs) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process().write(MadeHeap::system_mem, 0x4000000).write(MadeHeap::system_mem + 8, 0x4000000);
  expect_not_walked(heap, "bytes of it were not found");
}

TEST(GlibcHostile, ATopOutsideTheHeap) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process().write(MadeHeap::heap + 0x68, 0x10000000 | 1);
  const Picture picture = picture_of_heap(heap);
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
  }
  EXPECT_EQ(sum, picture.view().residency().total());
  EXPECT_EQ(picture.glibc(), nullptr);
}

TEST(GlibcHostile, ARingOfArenasThatDoesNotClose) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process().write(MadeHeap::next, MadeHeap::heap + 0x1000);
  EXPECT_EQ(picture_of_heap(heap).glibc(), nullptr);
}

TEST(GlibcHostile, LargeBlocksThatAreCountedAndNotThere) {
  MadeHeap heap(0x20000, {0x20, 0x40});
  heap.process()
      .write(MadeHeap::sbrk_base - 32, std::uint64_t{65536} << 32 | 1000)
      .write(MadeHeap::sbrk_base - 24, 1000)
      .write(MadeHeap::sbrk_base - 16, 0x100000)
      .write(MadeHeap::sbrk_base - 8, 0x100000);
  EXPECT_THAT(failed_checks(picture_of_heap(heap)),
              HasSubstr("0 large blocks found where glibc counts 1000"));
}

}  // namespace
}  // namespace heapwatch::memory::glibc
