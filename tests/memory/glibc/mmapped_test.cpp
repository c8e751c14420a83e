#include "memory/glibc/mmapped.h"

#include <gmock/gmock.h>

namespace heapwatch::memory::glibc {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t page = 4096;

std::vector<MmappedBlock> blocks_of(const std::vector<std::uint64_t>& pages) {
  std::vector<MmappedBlock> blocks;
  blocks.reserve(pages.size());
  std::uint64_t at = 0x10000;
  for (const std::uint64_t count : pages) {
    blocks.push_back({.begin = at, .end = at + count * page, .chunk = at, .size = count * page});
    at += count * page;
  }
  return blocks;
}

std::vector<std::uint64_t> pages_of(const std::vector<MmappedBlock>& blocks) {
  std::vector<std::uint64_t> pages;
  pages.reserve(blocks.size());
  for (const MmappedBlock& block : blocks) {
    pages.push_back((block.end - block.begin) / page);
  }
  return pages;
}

TEST(MmappedBlocks, WhatOnlyLooksLikeABlockIsToldByGlibcsCount) {
  const auto blocks = blocks_of({48, 129, 91, 49, 65});
  EXPECT_THAT(pages_of(those_counted(blocks, 4, (129 + 91 + 49 + 65) * page)),
              ElementsAre(129, 91, 49, 65));
  EXPECT_THAT(pages_of(those_counted(blocks, 3, (48 + 91 + 65) * page)), ElementsAre(48, 91, 65));
}

TEST(MmappedBlocks, WhereNoChoiceFitsTheFirstStay) {
  EXPECT_THAT(pages_of(those_counted(blocks_of({48, 129, 91}), 2, 7 * page)), ElementsAre(48, 129));
  EXPECT_THAT(pages_of(those_counted(blocks_of({48}), 2, 7 * page)), ElementsAre(48));
}

}  // namespace
}  // namespace heapwatch::memory::glibc
