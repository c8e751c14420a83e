// A double free is known as one whatever the allocator did with the block, and a foreign block
// never is.
#define MEMTRACK_ALLOW_RAW
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "counters_text.h"
#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {
namespace {

constexpr std::size_t sizes[] = {0, 24, 100, 120, 500, 1000, 1040, 5000, 40000, 140000, 3000000};
constexpr std::size_t block_count = 20;
using Blocks = std::vector<void*>;

Blocks make_blocks(std::size_t size) {
  Blocks blocks(block_count);
  for (void*& block : blocks) {
    block = _malloc(size);
  }
  return blocks;
}

/// Frees all of them, in the order that the step gives (it is prime to their number).
void free_all(const Blocks& blocks, std::size_t step) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    _free(blocks[i * step % blocks.size()]);
  }
}

/// What freeing blocks twice counts; `between` goes between the first and the second time.
template <typename Between>
void expect_refused(std::size_t size, std::size_t step, Between between) {
  SCOPED_TRACE(std::to_string(size) + " bytes, step " + std::to_string(step));
  const Blocks blocks = make_blocks(size);
  void* const guard = step == 1 ? nullptr : _malloc(size);  // else the last one touches free memory
  const std::uint64_t before = memtrack_self().double_frees;
  const memtrack_counters start = memtrack_stats();
  free_all(blocks, step);
  between();
  free_all(blocks, step);
  const memtrack_counters grown = memtrack_stats() - start;
  const std::uint64_t refused = memtrack_self().double_frees - before;
  _free(guard);
  EXPECT_EQ(grown.frees, block_count);
  EXPECT_EQ(grown.untracked_frees, block_count);
  EXPECT_EQ(refused, block_count);
}

void expect_all_refused() {
  for (const std::size_t size : sizes) {
    for (const std::size_t step : {1U, 3U, 19U}) {
      expect_refused(size, step, [] {});
    }
  }
}

TEST(DoubleFree, IsKnownInWhateverStateTheBlockIs) {
  expect_all_refused();
}

TEST(DoubleFree, IsKnownInAThreadsHeap) {
  std::thread(expect_all_refused).join();
}

TEST(DoubleFree, IsKnownWhenTheAllocatorTidiedUp) {
  for (const std::size_t size : sizes) {
    expect_refused(size, 7, [] { free(malloc(100000)); });
  }
}

TEST(DoubleFree, IsKnownWhenABlockLiesOverIt) {
  for (const std::size_t size : {500U, 5000U, 40000U}) {
    const Blocks blocks = make_blocks(size);
    free_all(blocks, 1);
    const std::uint64_t before = memtrack_self().double_frees;
    void* const over = _malloc(size * block_count - 100);
    const auto first = reinterpret_cast<std::uintptr_t>(over);
    std::uint64_t covered = 0;
    for (void* const block : blocks) {
      const auto address = reinterpret_cast<std::uintptr_t>(block);
      if (address > first && address < first + size * block_count - 100) {
        _free(block);
        ++covered;
      }
    }
    EXPECT_EQ(memtrack_self().double_frees - before, covered) << size;
    _free(over);
  }
}

/// Two threads that free the same blocks.
void race(std::size_t size, int rounds) {
  std::atomic<void*> blocks[16];
  std::atomic<int> arrived{0};
  const auto meet = [&](int place) {
    arrived.fetch_add(1);
    while (arrived.load() < 2 * place) {
      std::this_thread::yield();
    }
  };
  const auto work = [&](bool allocates) {
    for (int round = 0; round < rounds; ++round) {
      for (std::atomic<void*>& block : blocks) {
        if (allocates) {
          block = _malloc(size);
        }
      }
      meet(2 * round + 1);
      for (std::atomic<void*>& block : blocks) {
        _free(block);
      }
      meet(2 * round + 2);
    }
  };
  std::thread other(work, false);
  work(true);
  other.join();
}

TEST(DoubleFree, OfTwoThreadsIsOneFreeAndOneUntracked) {
  constexpr int rounds = 100;
  for (const std::size_t size : {24U, 64U, 200U, 3000U, 150000U}) {
    const memtrack_counters start = memtrack_stats();
    const std::uint64_t before = memtrack_self().double_frees;
    race(size, rounds);
    const memtrack_counters grown = memtrack_stats() - start;
    EXPECT_EQ(grown.frees, 16U * rounds) << size;
    EXPECT_EQ(grown.untracked_frees, 16U * rounds) << size;
    EXPECT_EQ(memtrack_self().double_frees - before, 16U * rounds) << size;
  }
}

TEST(DoubleFree, AForeignBlockWhereOneOfOursWasIsNone) {
  std::mt19937_64 random(1);
  Blocks ours(400);
  Blocks foreign(400);
  const std::uint64_t before = memtrack_self().double_frees;
  const memtrack_counters start = memtrack_stats();
  std::uint64_t untracked = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::size_t size = random() % 50 == 0 ? random() % 200000 : random() % 600;
    void*& tracked = ours[random() % ours.size()];
    _free(tracked);
    tracked = random() % 2 == 0 ? _malloc(size) : nullptr;
    void*& raw = foreign[random() % foreign.size()];
    untracked += raw != nullptr ? 1 : 0;
    _free(raw);
    raw = random() % 2 == 0 ? malloc(size) : nullptr;
  }
  for (void* const block : foreign) {
    untracked += block != nullptr ? 1 : 0;
    _free(block);
  }
  for (void* const block : ours) {
    _free(block);
  }
  const memtrack_counters grown = memtrack_stats() - start;
  // Where another test freed a block of ours with free(), the books still have it.
  const std::uint64_t stale = grown.frees - grown.allocations;
  EXPECT_LT(stale, 10U);
  EXPECT_EQ(grown.untracked_frees + stale, untracked);
  EXPECT_EQ(memtrack_self().double_frees, before);
}

}  // namespace
}  // namespace heapwatch::memtrack
