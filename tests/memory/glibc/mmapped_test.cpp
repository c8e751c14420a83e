#include "memory/glibc/mmapped.h"

#include <gmock/gmock.h>

namespace heapwatch::memory::glibc {
namespace {

using ::testing::ElementsAre;

std::vector<MmappedBlock> blocks_of(const std::vector<std::uint64_t>& pages) {
  std::vector<MmappedBlock> blocks;
  std::uint64_t at = 0x10000;
  for (const std::uint64_t count : pages) {
    blocks.push_back({.begin = at, .end = at + count * 4096, .chunk = at, .size = count * 4096});
    at += count * 4096;
  }
  return blocks;
}

std::vector<std::uint64_t> pages_of(const std::vector<MmappedBlock>& blocks) {
  std::vector<std::uint64_t> pages;
  for (const MmappedBlock& block : blocks) {
    pages.push_back((block.end - block.begin) / 4096);
  }
  return pages;
}

TEST(MmappedBlocks, WhatOnlyLooksLikeABlockIsToldByGlibcsCount) {
  const auto blocks = blocks_of({48, 129, 91, 49, 65});
  EXPECT_THAT(pages_of(those_counted(blocks, 4, (129 + 91 + 49 + 65) * 4096)),
              ElementsAre(129, 91, 49, 65));
  EXPECT_THAT(pages_of(those_counted(blocks, 3, (48 + 91 + 65) * 4096)), ElementsAre(48, 91, 65));
}

TEST(MmappedBlocks, WhereNoChoiceFitsTheFirstStay) {
  EXPECT_THAT(pages_of(those_counted(blocks_of({48, 129, 91}), 2, 7 * 4096)), ElementsAre(48, 129));
  EXPECT_THAT(pages_of(those_counted(blocks_of({48}), 2, 7 * 4096)), ElementsAre(48));
}

}  // namespace
}  // namespace heapwatch::memory::glibc
