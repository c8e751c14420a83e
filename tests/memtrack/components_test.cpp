#include <gtest/gtest.h>

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
