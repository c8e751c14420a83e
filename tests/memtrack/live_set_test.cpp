// What the live set notes of sampled blocks beside their number. The blocks are numbers: nothing
// reads them.
#include "memtrack/live_set.h"

#include <gtest/gtest.h>

#include <deque>

#include "memtrack/books.h"

namespace heapwatch::memtrack::live {
namespace {

const void* block(std::uintptr_t number) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address to look up
  return reinterpret_cast<const void*>(number * 16);
}

std::uint64_t at_peak(const Record& record) {
  return books.peak.is_now != 0 || record.peak != books.peak.number ? record.inuse
                                                                    : record.inuse_at_peak;
}

class LiveSet : public testing::Test {
 protected:
  void SetUp() override {
    books.peak = {};
    (void)tick();
  }
  void TearDown() override {
    for (std::uintptr_t number = 1; number < 100; ++number) {
      if (Live* const left = find(block(number)); left != nullptr) {
        remove(left, End::moved);
      }
    }
  }

  Record& record_of(std::uint64_t bytes, memtrack_space space = memtrack_space_native) {
    Record& record = records_.emplace_back();
    record.space = static_cast<std::uint32_t>(space);
    record.stands_for = bytes;
    return record;
  }

 private:
  std::deque<Record> records_;  // there until all blocks are gone
};

TEST_F(LiveSet, TellsWhatEachRecordHadAtThePeak) {
  Record& table = record_of(100);
  Record& other = record_of(10);
  Record& quiet = record_of(1);
  add(block(9), &quiet, 0);
  for (std::uintptr_t number = 1; number <= 4; ++number) {
    add(block(number), &table, 0);
  }
  EXPECT_EQ(books.peak.bytes, 401U);
  EXPECT_EQ(at_peak(table), 4U);
  remove(find(block(1)), End::freed);
  remove(find(block(2)), End::freed);
  add(block(5), &other, 0);
  EXPECT_EQ(books.peak.bytes, 401U);
  EXPECT_EQ(books.peak.bytes_now, 211U);
  EXPECT_EQ(at_peak(table), 4U);
  EXPECT_EQ(at_peak(other), 0U);
  EXPECT_EQ(at_peak(quiet), 1U);
  // A higher one takes its place.
  add(block(6), &table, 0);
  add(block(7), &table, 0);
  EXPECT_EQ(books.peak.bytes, 411U);
  EXPECT_EQ(at_peak(other), 1U);
  remove(find(block(5)), End::freed);
  EXPECT_EQ(at_peak(other), 1U);
  EXPECT_EQ(at_peak(table), 4U);
}

TEST_F(LiveSet, MappingsHaveNoPartInThePeak) {
  Record& mapping = record_of(1 << 20, memtrack_space_mmap);
  Live* const mapped = add(nullptr, &mapping, 0);
  EXPECT_EQ(mapping.inuse, 1U);
  EXPECT_EQ(books.peak.bytes, 0U);
  remove(mapped, End::moved);
  EXPECT_EQ(mapping.inuse, 0U);
}

TEST_F(LiveSet, ABlockThatIsFreedAtOnceIsATemporaryOneUnlessItWasMoved) {
  Record& record = record_of(100);
  remove(add(block(1), &record, tick()), End::freed);
  EXPECT_EQ(record.temporary, 1U);
  remove(add(block(1), &record, tick()), End::moved);
  EXPECT_EQ(record.temporary, 1U);
  constexpr std::uint32_t long_ago = 0U - 100U * ticks_per_second;
  const Former was = remove(add(block(1), &record, tick() + long_ago), End::freed);
  EXPECT_EQ(record.temporary, 1U);
  EXPECT_EQ(was.record, &record);
}

TEST_F(LiveSet, GivesUpAllBlocksAndKeepsMappings) {
  Record& record = record_of(100);
  Record& mapping = record_of(100, memtrack_space_mmap);
  Live* const mapped = add(nullptr, &mapping, 0);
  add(block(1), &record, 0);
  add(block(2), &record, 0);
  remove_blocks();
  EXPECT_EQ(record.inuse, 0U);
  EXPECT_EQ(find(block(1)), nullptr);
  EXPECT_EQ(mapping.inuse, 1U);
  remove(mapped, End::moved);
}

}  // namespace
}  // namespace heapwatch::memtrack::live
