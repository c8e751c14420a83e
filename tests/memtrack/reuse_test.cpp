// Blocks of others where blocks of ours have been: the linker leads malloc and free here, so that a
// test says where a block comes to lie.
#define MEMTRACK_ALLOW_RAW
#include <gtest/gtest.h>

#include <array>
#include <cstddef>

#include "counters_text.h"
#include "memtrack/memtrack.hpp"

namespace {

alignas(64) std::array<char, 4096> arena;
thread_local char* next_block = nullptr;  // null: malloc's own choice
thread_local int given_back = 0;

bool in_arena(const void* block) {
  return block >= arena.data() && block < arena.data() + arena.size();
}

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
extern "C" {
void* __real_malloc(std::size_t);
void __real_free(void*);

void* __wrap_malloc(std::size_t size) {
  return next_block != nullptr ? next_block : __real_malloc(size);
}
void __wrap_free(void* block) {
  if (in_arena(block)) {
    ++given_back;
  } else {
    __real_free(block);
  }
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::memtrack {
namespace {

void* malloc_at(std::size_t offset, std::size_t size) {
  next_block = arena.data() + offset;
  void* const block = _malloc(size);
  next_block = nullptr;
  return block;
}

TEST(Reuse, ABlockOfAnotherAllocatorThatBeginsInsideAFormerBlockIsNotOurs) {
  // An id that could be taken for a size.
  memtrack_component component = 0;
  for (const char* const name : {"check:a", "check:b", "check:c", "check:d", "check:e"}) {
    component = memtrack_component_id(name);
  }
  for (const std::size_t size : {std::size_t{24}, std::size_t{40}, std::size_t{200}}) {
    const Growth growth;
    {
      const Scope scope(component);
      void* const first = malloc_at(0, size);
      void* const second = malloc_at(256, size);
      void* const inner = malloc_at(512, size);
      _free(first);
      _free(second);
      _free(inner);
      _free(malloc_at(32, 24));
    }
    const std::string counted = growth.text();
    given_back = 0;
    for (std::size_t offset = 16; offset < 1024; offset += 16) {
      if (offset != 32 && offset % 256 != 0) {  // where blocks of ours have begun, free tells
        memtrack_free_either(arena.data() + offset);
      }
    }
    EXPECT_EQ(growth.text(), counted) << size;
    EXPECT_EQ(given_back, 59) << size;
    EXPECT_EQ(memtrack_self().double_frees, 0U) << size;
  }
}

TEST(Reuse, ABlockThatWasFreedBehindOurBackDoesNoHarmToItsSuccessors) {
  memtrack_component component = 0;
  for (const char* const name : {"check:a", "check:b", "check:c", "check:d", "check:e"}) {
    component = memtrack_component_id(name);
  }
  const Scope scope(component);
  for (std::size_t offset = 2048; offset < 3072; offset += 32) {
    (void)malloc_at(offset, 24);  // its owner gives it to free()
  }
  for (std::size_t offset = 2048 + 16; offset < 3072; offset += 32) {
    _free(malloc_at(offset, 24));
  }
  for (std::size_t offset = 2048; offset < 3072; offset += 16) {
    memtrack_free_either(arena.data() + offset);
  }
}

}  // namespace
}  // namespace heapwatch::memtrack
