#include "memory/pymalloc/pools.h"

#include <gtest/gtest.h>

#include "../process/made_process.h"

namespace heapwatch::memory::pymalloc {
namespace {

using heapwatch::tests::MadeProcess;

constexpr std::uint64_t begin = 0x7f0000000000;
constexpr std::uint64_t pool_bytes = 16384;

std::uint64_t two(std::uint32_t low, std::uint32_t high) {
  return low | std::uint64_t{high} << 32;
}

/// A pool of blocks of 64 bytes: ten were cut, two of them freed.
MadeProcess pool_with(std::uint32_t live = 8, std::uint64_t second_free = 0,
                      std::uint32_t size_class = 3, std::uint32_t next_offset = 48 + 640,
                      std::uint32_t last_offset = 16384 - 64) {
  MadeProcess process;
  process.map(begin, begin + 4 * pool_bytes, "rw-p").touch(begin, begin + 4 * pool_bytes);
  process.write(begin, two(live, 0))
      .write(begin + 8, begin + 48)
      .write(begin + 32, two(5, size_class))
      .write(begin + 40, two(next_offset, last_offset))
      .write(begin + 48, second_free == 0 ? begin + 48 + 64 : second_free)
      .write(begin + 48 + 64, std::uint64_t{0});
  return process;
}

std::vector<Pool> pools_of(const MadeProcess& process) {
  const auto view = process.view();
  const std::vector<process::Range> memory{{begin, begin + 4 * pool_bytes}};
  return find_pools(*view, memory);
}

TEST(Pools, APoolWhoseNumbersAgreeIsRecognised) {
  const auto pools = pools_of(pool_with());
  ASSERT_EQ(pools.size(), 1U);
  EXPECT_EQ(pools[0].begin, begin);
  EXPECT_EQ(pools[0].bytes, pool_bytes);
  EXPECT_EQ(pools[0].block_bytes, 64U);
  EXPECT_EQ(pools[0].live, 8U);
  EXPECT_EQ(pools[0].arena, 5U);
  EXPECT_EQ(pools[0].capacity(), (pool_bytes - 48) / 64);
  EXPECT_EQ(pools[0].free_bytes(), ((pool_bytes - 48) / 64 - 8) * 64);
}

TEST(Pools, WhatDoesNotAddUpIsNone) {
  EXPECT_TRUE(pools_of(pool_with(9)).empty()) << "more live blocks than were not freed";
  EXPECT_TRUE(pools_of(pool_with(0)).empty()) << "no live block";
  EXPECT_TRUE(pools_of(pool_with(8, begin + 48)).empty()) << "a free list that is a circle";
  EXPECT_TRUE(pools_of(pool_with(8, begin + 52)).empty()) << "a free block off the borders";
  EXPECT_TRUE(pools_of(pool_with(8, begin + pool_bytes)).empty()) << "a free block outside";
  EXPECT_TRUE(pools_of(pool_with(8, 0, 32)).empty()) << "a size class that there is not";
  EXPECT_TRUE(pools_of(pool_with(8, 0, 3, 48 + 650)).empty()) << "cut within a block";
  EXPECT_TRUE(pools_of(pool_with(8, 0, 3, 0xffffffff)).empty()) << "cut beyond the pool";
  EXPECT_TRUE(pools_of(pool_with(8, 0, 3, 48 + 640, 8192 - 64)).empty()) << "a size of no version";
}

}  // namespace
}  // namespace heapwatch::memory::pymalloc
