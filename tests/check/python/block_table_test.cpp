#include "check/python/memory/block_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace heapwatch::check::python::memory {
namespace {

TEST(BlockTable, HoldsWhatAMapHoldsThroughAnyOrderOfComingAndGoing) {
  BlockTable table;
  std::map<std::uintptr_t, std::uint64_t> expected;
  std::mt19937_64 random(1);
  for (int step = 0; step < 400'000; ++step) {
    // Few addresses, close together, so that chains form, wrap around and close.
    const std::uintptr_t address = 0x7f0000000000U + (random() % 20'000) * 16;
    if (random() % 5 < 3) {
      ASSERT_TRUE(table.put({.address = address, .size = random() % 1000, .counted = 1}));
      expected[address] = table.find(address)->size;
    } else {
      memory::Block taken;
      const bool was_there = table.take(address, taken);
      ASSERT_EQ(was_there, expected.count(address) == 1);
      if (was_there) {
        ASSERT_EQ(taken.size, expected.at(address));
        expected.erase(address);
      }
    }
    ASSERT_EQ(table.size(), expected.size());
  }
  std::map<std::uintptr_t, std::uint64_t> visited;
  table.for_each([&](const memory::Block& block) { visited[block.address] = block.size; });
  EXPECT_EQ(visited, expected);
}

TEST(BlockTable, ReplacesWhatIsKnownOfAnAddress) {
  BlockTable table;
  EXPECT_EQ(table.find(16), nullptr);
  ASSERT_TRUE(table.put({.address = 16, .size = 1}));
  ASSERT_TRUE(table.put({.address = 16, .size = 2, .run = 7}));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.find(16)->size, 2U);
  EXPECT_EQ(table.find(16)->run, 7U);
}

}  // namespace
}  // namespace heapwatch::check::python::memory
