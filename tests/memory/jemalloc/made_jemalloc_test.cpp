// Extents that a test has built, and lies about them.
#include "made_jemalloc.h"

#include <gmock/gmock.h>

#include <chrono>

#include "memory/readers.h"

namespace heapwatch::memory::jemalloc {
namespace {

using heapwatch::tests::MadeJemalloc;
using heapwatch::tests::MadeProgram;
using ::testing::ElementsAre;

std::vector<std::string> rows_of(const Picture& picture) {
  std::vector<std::string> rows;
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
    if (row.owner == "jemalloc") {
      rows.push_back(std::string(name_of(row.state)) + " " + std::to_string(row.bytes) +
                     (row.detail.empty() ? "" : " " + row.detail));
    }
  }
  EXPECT_EQ(sum, picture.view().residency().total());
  return rows;
}

std::string said(const Picture& picture, bool ok) {
  for (const Check& check : picture.checks()) {
    if (check.reader == "jemalloc" && check.ok == ok) {
      return check.note;
    }
  }
  return "";
}

TEST(MadeJemalloc, IsSplitByItsRecords) {
  MadeJemalloc made;
  const Picture picture = picture_of(made.process().view());
  EXPECT_EQ(said(picture, true), "3 extents, none overlap");
  EXPECT_THAT(rows_of(picture),
              ElementsAre("live 19840", "held 4736 free in extents",
                          "held 8192 free, kept for new extents", "overhead 8192 its own records"));
  ASSERT_EQ(picture.allocators().size(), 1U);
  EXPECT_EQ(picture.allocators()[0].blocks, 55U);
  EXPECT_THAT(picture.allocators()[0].sizes, ElementsAre(SizeCount{16384, 1}, SizeCount{64, 54}));
}

TEST(MadeJemalloc, ALargeBlockWhoseRecordWasASlabsIsLive) {
  MadeJemalloc made;
  made.record(1, MadeJemalloc::large + 0x40, 0x5000, MadeJemalloc::bits(36, 10, false, 0));
  EXPECT_THAT(picture_of(made.process().view()).allocators()[0].sizes,
              ElementsAre(SizeCount{16384, 1}, SizeCount{64, 54}));
}

TEST(MadeJemalloc, WhatTheTreeDoesNotLeadToIsLeftOut) {
  MadeJemalloc made;
  made.record(3, MadeJemalloc::slab, 0x1000, MadeJemalloc::bits(4, 0, true, 0));  // an old one
  EXPECT_EQ(picture_of(made.process().view()).allocators()[0].blocks, 55U);
}

TEST(MadeJemalloc, ExtentsThatOverlapAreNamedAndNotSplit) {
  MadeJemalloc made;
  made.record(0, MadeJemalloc::slab, 0x2000, MadeJemalloc::bits(4, 10, true, 0));
  const Picture picture = picture_of(made.process().view());
  EXPECT_EQ(said(picture, false), "its extents overlap");
  EXPECT_THAT(rows_of(picture), ElementsAre("mapped 40960 recognised, not looked into"));
}

/// Records for thousands of GiB of addresses, and as many words that may be leaves.
TEST(MadeJemalloc, RecordsWithoutEndCostBoundedTime) {
  MadeJemalloc made;
  constexpr std::uint64_t parts = 4000;
  constexpr std::uint64_t records = MadeJemalloc::base + 0x10000;
  for (std::uint64_t i = 0; i < parts; ++i) {
    const std::uint64_t begin = 0x100000000000 + (i << 30);
    made.process().map(begin, begin + 0x1000, "rw-p");
    made.process()
        .write(records + i * 128, MadeJemalloc::bits(4, 0, true, 0))
        .write(records + i * 128 + 8, begin)
        .write(records + i * 128 + 16, 0x1000);
  }
  for (std::uint64_t at = MadeProgram::free_data; at + 8 <= MadeProgram::data_end; at += 8) {
    made.process().write(at, MadeJemalloc::base + at % 0x100000 * 2);
  }
  auto& mappings = made.process().recording().mappings;
  std::sort(mappings.begin(), mappings.end(),
            [](const auto& a, const auto& b) { return a.begin < b.begin; });
  const auto begin = std::chrono::steady_clock::now();
  const Picture picture = picture_of(made.process().view());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_NE(said(picture, false), "");
  EXPECT_EQ(rows_of(picture).size(), 1U);
}

}  // namespace
}  // namespace heapwatch::memory::jemalloc
