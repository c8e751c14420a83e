#define MEMTRACK_ALLOW_RAW
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "counters_text.h"
#include "memtrack/memtrack.hpp"

namespace heapwatch::memtrack {
namespace {

std::string stats_of(const char* name) {
  return text_of(memtrack_component_stats(memtrack_component_id(name)));
}

TEST(Components, ABlockBelongsToTheComponentThatAllocatedIt) {
  void* block = nullptr;
  {
    const Scope outer("check:outer");
    {
      const Scope inner("check:inner");
      block = _malloc(10);
    }
    _free(_malloc(3));
    _free(block);
  }
  EXPECT_EQ(stats_of("check:inner"), "allocated 10/1 freed 10/1 inuse 0 untracked 0");
  EXPECT_EQ(stats_of("check:outer"), "allocated 3/1 freed 3/1 inuse 0 untracked 0");
}

/// Blocks that stand and fall where others began a granule earlier or later.
std::string load_in_a_scope() {
  const Scope scope("check:dense");
  const Growth growth;
  std::mt19937_64 random(1);
  std::vector<Owned<char>> blocks(500);
  std::uint64_t bytes = 0;
  constexpr int allocations = 100000;
  for (int i = 0; i < allocations; ++i) {
    const std::size_t size = random() % 1000;
    bytes += size;
    blocks[random() % blocks.size()].reset(static_cast<char*>(_malloc(size)));
  }
  blocks.clear();
  const std::string all = std::to_string(bytes) + "/" + std::to_string(allocations);
  EXPECT_EQ(growth.text(), "allocated " + all + " freed " + all + " inuse 0 untracked 0");
  return all;
}

TEST(Components, WhatIsLeftOfABlockIsNoBlock) {
  for (int i = 0; i < 40; ++i) {  // ids that could be taken for sizes
    memtrack_component_id(("filler:" + std::to_string(i)).c_str());
  }
  const std::uint64_t elsewhere = memtrack_self().freed_elsewhere;
  const std::string all = load_in_a_scope();
  EXPECT_EQ(stats_of("check:dense"), "allocated " + all + " freed " + all + " inuse 0 untracked 0");
  EXPECT_EQ(memtrack_self().freed_elsewhere, elsewhere);
  std::vector<void*> foreign(2000);
  for (std::size_t i = 0; i < foreign.size(); ++i) {
    foreign[i] = malloc(1 + i * 7919 % 1000);
  }
  const Growth growth;
  for (void* const block : foreign) {
    _free(block);
  }
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 2000");
}

TEST(Components, AGiantBlocksSizeIsNoBlockEither) {
  for (const std::size_t size : {(std::size_t{1} << 30) - 4, (std::size_t{1} << 30) - 3,
                                 std::size_t{1} << 30, (std::size_t{5} << 30) + 7}) {
    const Growth growth;
    void* const block = _malloc(size);  // is not touched
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(growth.text(), "allocated " + std::to_string(size) + "/1 freed 0/0 inuse " +
                                 std::to_string(size) + " untracked 0");
    _free(block);
    EXPECT_EQ(growth.text(), "allocated " + std::to_string(size) + "/1 freed " +
                                 std::to_string(size) + "/1 inuse 0 untracked 0");
  }
}

TEST(Components, AScopeIsOfItsThread) {
  const Scope scope("check:mine");
  std::thread([] { _free(_malloc(10)); }).join();
  EXPECT_EQ(stats_of("check:mine"), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
}

TEST(Components, ARunTellsWhatItLeavesBehind) {
  const memtrack_component component = memtrack_component_id("check:run");
  const auto before = memtrack_self().lost_samples;
  void* older = nullptr;
  {
    const Scope scope(component);
    older = _malloc(1000);
  }
  const memtrack_component run = memtrack_run_begin(component);
  void* left = nullptr;
  void* moved = nullptr;
  {
    const Scope scope(run);
    _free(_malloc(5));
    _free(older);  // of no run
    left = _malloc(10);
    moved = _realloc(_malloc(20), 300);
    {
      const Scope inner("check:inner");
      moved = _realloc(moved, 400);  // the inner scope's
    }
    std::thread([run, &left] {
      const Scope here(run);
      left = _realloc(left, 70);
    }).join();
  }
  EXPECT_EQ(memtrack_run_end(run), 70U);
  EXPECT_EQ(memtrack_run_end(run), 0U);
  _free(left);
  _free(moved);
  EXPECT_EQ(stats_of("check:run"), "allocated 1405/6 freed 1405/6 inuse 0 untracked 0");
  EXPECT_EQ(memtrack_self().lost_samples, before);
}

TEST(Components, BlocksOfARunAreSampledLikeOthers) {
  memtrack_set_sample_interval(1);
  const memtrack_component run = memtrack_run_begin(memtrack_component_id("check:sampled run"));
  const std::uint64_t samples = memtrack_self().samples;
  {
    const Scope scope(run);
    _free(_malloc(50));
    _free(_malloc(50));
  }
  EXPECT_EQ(memtrack_self().samples - samples, 2U);
  EXPECT_EQ(memtrack_run_end(run), 0U);
  memtrack_set_sample_interval(memtrack_sample_interval_default);
}

TEST(Components, RunsBeyondTheLimitAreNotFollowed) {
  const memtrack_component component = memtrack_component_id("check:many");
  std::vector<memtrack_component> runs(memtrack_runs_max);
  for (memtrack_component& run : runs) {
    run = memtrack_run_begin(component);
    EXPECT_NE(run, component);
  }
  EXPECT_EQ(memtrack_run_begin(component), component);
  EXPECT_EQ(memtrack_run_end(component), 0U);
  for (const memtrack_component run : runs) {
    EXPECT_EQ(memtrack_run_end(run), 0U);
  }
  EXPECT_EQ(memtrack_component_id("check:many"), component);
}

TEST(Components, NamesAreFoundAgain) {
  const memtrack_component id = memtrack_component_id("check:named");
  EXPECT_EQ(memtrack_component_id("check:named"), id);
  EXPECT_STREQ(memtrack_component_name(id), "check:named");
  EXPECT_EQ(memtrack_component_id(""), 0U);
  EXPECT_STREQ(memtrack_component_name(0), "");
  EXPECT_EQ(memtrack_component_name(memtrack_component_count()), nullptr);
}

TEST(Components, LongNamesAreCut) {
  const std::string name(200, 'n');
  const memtrack_component id = memtrack_component_id(name.c_str());
  EXPECT_EQ(memtrack_component_name(id), std::string(127, 'n'));
  EXPECT_EQ(memtrack_component_id(name.c_str()), id);
}

TEST(Components, WhatComesTooLateIsOther) {
  for (int i = 0; i < memtrack_components_max; ++i) {
    memtrack_component_id(("late:" + std::to_string(i)).c_str());
  }
  EXPECT_EQ(memtrack_component_count(), memtrack_component{memtrack_components_max});
  EXPECT_STREQ(memtrack_component_name(memtrack_component_id("too late")), "(other)");
}

}  // namespace
}  // namespace heapwatch::memtrack
