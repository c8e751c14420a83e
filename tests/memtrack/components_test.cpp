#include <gtest/gtest.h>

#include <string>
#include <thread>

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
