// What happens when the allocator or the kernel has no memory: the linker leads their functions
// here.
#define MEMTRACK_ALLOW_RAW
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <vector>

#include "counters_text.h"

namespace {

thread_local bool no_blocks = false;
thread_local bool no_pages = false;

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
extern "C" {
void* __real_malloc(std::size_t);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
int __real_posix_memalign(void**, std::size_t, std::size_t);
void* __real_mmap(void*, std::size_t, int, int, int, off_t);

void* __wrap_malloc(std::size_t size) {
  return no_blocks ? nullptr : __real_malloc(size);
}
void* __wrap_calloc(std::size_t n, std::size_t size) {
  return no_blocks ? nullptr : __real_calloc(n, size);
}
void* __wrap_realloc(void* block, std::size_t size) {
  return no_blocks ? nullptr : __real_realloc(block, size);
}
int __wrap_posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  return no_blocks ? ENOMEM : __real_posix_memalign(block, alignment, size);
}
void* __wrap_mmap(void* at, std::size_t size, int protection, int flags, int file, off_t offset) {
  if (no_pages) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return __real_mmap(at, size, protection, flags, file, offset);
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::memtrack {
namespace {

TEST(Refusal, AFailedAllocationCountsNothing) {
  void* block = _malloc(10);
  const Growth growth;
  no_blocks = true;
  EXPECT_EQ(_malloc(1), nullptr);
  EXPECT_EQ(_calloc(1, 1), nullptr);
  EXPECT_EQ(_aligned_alloc(16, 16), nullptr);
  EXPECT_EQ(strdupe("a"), nullptr);
  EXPECT_EQ(_realloc(block, 100), nullptr);
  no_blocks = false;
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
  _free(block);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 10/1 inuse -10 untracked 0");
}

TEST(Refusal, AFailedReallocKeepsTheSample) {
  memtrack_set_sample_interval(1);
  void* block = _malloc(1 << 20);
  no_blocks = true;
  EXPECT_EQ(_realloc(block, 2 << 20), nullptr);
  no_blocks = false;
  const std::uint64_t lost = memtrack_self().lost_samples;
  _free(block);
  memtrack_set_sample_interval(memtrack_sample_interval_default);
  EXPECT_EQ(memtrack_self().lost_samples, lost);
}

// Runs first in a process of its own, where nothing is mapped yet.
TEST(Refusal, WithoutPagesBlocksAreCountedAllTheSame) {
  no_pages = true;
  const Growth growth;
  std::vector<void*> blocks(3000);
  for (void*& block : blocks) {
    block = _malloc(8);
  }
  for (void* block : blocks) {
    _free(block);
  }
  no_pages = false;
  EXPECT_EQ(growth.text(), "allocated 24000/3000 freed 24000/3000 inuse 0 untracked 0");
  EXPECT_EQ(memtrack_self().unrecorded, 0U);
}

TEST(Refusal, BlocksThatCannotBeRecordedAreNoUntrackedFrees) {
  no_pages = true;
  const Growth growth;
  std::vector<void*> blocks(20000);
  for (void*& block : blocks) {
    block = _malloc(8);
  }
  const std::uint64_t unrecorded = memtrack_self().unrecorded;
  const std::uint64_t recorded = blocks.size() - unrecorded;
  for (void* block : blocks) {
    _free(block);
  }
  no_pages = false;
  const std::string counted = std::to_string(recorded * 8) + "/" + std::to_string(recorded);
  EXPECT_EQ(growth.text(), "allocated " + counted + " freed " + counted + " inuse 0 untracked 0");
}

}  // namespace
}  // namespace heapwatch::memtrack
