#include "memory/picture.h"

#include <gmock/gmock.h>

#include <numeric>
#include <random>

#include "memory/readers.h"
#include "process/made_process.h"

namespace heapwatch::memory {
namespace {

using heapwatch::tests::MadeProcess;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Claim claim(std::uint64_t begin, std::uint64_t end, std::string owner = "a",
            State state = State::overhead) {
  return {.begin = begin,
          .end = end,
          .space = Space::native,
          .owner = std::move(owner),
          .state = state};
}

std::shared_ptr<const process::ProcessView> sixteen_pages() {
  return MadeProcess().map(0x10000, 0x30000, "rw-p").touch(0x10000, 0x20000).view();
}

std::uint64_t sum(const std::vector<Row>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::uint64_t{0},
                         [](std::uint64_t all, const Row& row) { return all + row.bytes; });
}

TEST(Picture, WhatNobodyClaimsIsUnexplained) {
  Picture picture(sixteen_pages());
  EXPECT_THAT(picture.rows(), ElementsAre(Row{.space = Space::unexplained,
                                              .bytes = 0x10000,
                                              .source = Source::inferred,
                                              .note = "memory that no reader knows"}));
  const auto largest = picture.unexplained();
  ASSERT_EQ(largest.size(), 1U);
  EXPECT_EQ(largest[0].begin, 0x10000U);
  EXPECT_EQ(largest[0].bytes, 0x10000U);
  EXPECT_EQ(largest[0].protection, "rw-p");
}

TEST(Picture, AByteHasOneOwnerAndTheFirstKeepsIt) {
  Picture picture(sixteen_pages());
  picture.take("one", {.claims = {claim(0x11000, 0x13000, "a"), claim(0x12800, 0x14000, "a")}});
  picture.take("two", {.claims = {claim(0x10000, 0x40000, "b")}});
  EXPECT_THAT(
      picture.rows(),
      ElementsAre(
          Row{.space = Space::native, .owner = "a", .state = State::overhead, .bytes = 0x3000},
          Row{.space = Space::native, .owner = "b", .state = State::overhead, .bytes = 0xd000}));
  EXPECT_TRUE(picture.is_claimed(0x3ffff));
  EXPECT_FALSE(picture.is_claimed(0x40000));
}

TEST(Picture, ASplitMovesBytesToAnotherState) {
  Picture picture(sixteen_pages());
  picture.take("one", {.claims = {claim(0x10000, 0x20000)},
                       .splits = {{.space = Space::native,
                                   .owner = "a",
                                   .from = State::overhead,
                                   .to = State::live,
                                   .bytes = 0x1234,
                                   .blocks = 7}}});
  EXPECT_THAT(picture.rows(), ElementsAre(Row{.space = Space::native,
                                              .owner = "a",
                                              .state = State::live,
                                              .bytes = 0x1234,
                                              .blocks = 7,
                                              .source = Source::walk},
                                          Row{.space = Space::native,
                                              .owner = "a",
                                              .state = State::overhead,
                                              .bytes = 0x10000 - 0x1234}));
  EXPECT_THAT(picture.checks(), IsEmpty());
}

TEST(Picture, ASplitOfMoreThanThereIsIsCutAndFailsTheReader) {
  Picture picture(sixteen_pages());
  picture.take("one", {.claims = {claim(0x10000, 0x11000)},
                       .splits = {{.space = Space::native,
                                   .owner = "a",
                                   .from = State::overhead,
                                   .to = State::live,
                                   .bytes = 0x2000}}});
  EXPECT_EQ(sum(picture.rows()), 0x10000U);
  EXPECT_THAT(picture.checks(),
              ElementsAre(Check{"one", false,
                                "it tells more bytes than are resident in what it has claimed"}));
}

TEST(Picture, RowsAddUpWhateverIsClaimed) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint64_t> place(0xf000, 0x31000);
  for (int round = 0; round < 200; ++round) {
    Picture picture(sixteen_pages());
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t a = place(random);
      const std::uint64_t b = place(random);
      picture.take("r", {.claims = {claim(std::min(a, b), std::max(a, b),
                                          std::string(1, static_cast<char>('a' + i)))}});
      EXPECT_EQ(sum(picture.rows()), 0x10000U);
      std::uint64_t listed = 0;
      for (const Unexplained& one : picture.unexplained()) {
        listed += one.bytes;
      }
      EXPECT_EQ(listed, picture.unexplained_bytes());
    }
  }
}

TEST(Picture, HeapMemoryIsWhatIsLeftOfWritableAnonymousMappings) {
  const auto view = MadeProcess()
                        .map(0x10000, 0x20000, "rw-p")
                        .map(0x20000, 0x30000, "rw-p")
                        .map(0x30000, 0x40000, "r--p")
                        .map(0x50000, 0x60000, "rw-p", "/file", 3)
                        .view();
  Picture picture(view);
  picture.take("one", {.claims = {claim(0x12000, 0x13000)}});
  EXPECT_THAT(picture.unclaimed_heap_memory(),
              ElementsAre(process::Range{0x10000, 0x12000}, process::Range{0x13000, 0x30000}));
}

TEST(Readers, GiveEachMappingToItsKind) {
  MadeProcess process;
  process.map(0x10000, 0x14000, "r-xp", "/usr/bin/a", 5)
      .map(0x20000, 0x24000, "rw-p", "/usr/bin/a", 5)
      .map(0x30000, 0x34000, "rw-s", "/dev/shm/x", 6)
      .map(0x40000, 0x44000, "rw-p", "[anon:Go: heap]")
      .map(0x50000, 0x54000, "rwxp")
      .map(0x60000, 0x64000, "r-xp", "[vdso]")
      .touch(0x10000, 0x12000, true)
      .touch(0x20000, 0x23000)
      .touch(0x30000, 0x31000, true)
      .touch(0x40000, 0x41000)
      .touch(0x50000, 0x52000)
      .touch(0x60000, 0x61000);
  std::vector<std::string> rows;
  for (const Row& row : picture_of(process.view()).rows()) {
    rows.push_back(std::string(name_of(row.space)) + "|" + row.owner + "|" + row.detail + "|" +
                   std::to_string(row.bytes));
  }
  EXPECT_THAT(rows, ElementsAre("files|mapped files|clean or shared|8192",
                                "files|mapped files|written, private|12288",
                                "shared|/dev/shm||4096", "other|[anon:Go: heap]||4096",
                                "other|generated code|of a compiler at run time|8192",
                                "other|kernel|code it lends: [vdso]|4096"));
}

}  // namespace
}  // namespace heapwatch::memory
