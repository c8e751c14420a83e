#define MEMTRACK_ALLOW_RAW
#include "memtrack/memtrack.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "counters_text.h"
#include "memtrack/shadow.h"

namespace heapwatch::memtrack {
namespace {

using testing::ElementsAre;

TEST(Memtrack, CountsRequestedBytes) {
  const Growth growth;
  void* block = _malloc(100);
  EXPECT_EQ(growth.text(), "allocated 100/1 freed 0/0 inuse 100 untracked 0");
  _free(block);
  EXPECT_EQ(growth.text(), "allocated 100/1 freed 100/1 inuse 0 untracked 0");
}

TEST(Memtrack, ABlockOfNoBytesIsABlock) {
  const Growth growth;
  _free(_malloc(0));
  EXPECT_EQ(growth.text(), "allocated 0/1 freed 0/1 inuse 0 untracked 0");
}

TEST(Memtrack, FreeingNullIsNothing) {
  const Growth growth;
  _free(nullptr);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
}

TEST(Memtrack, CountsEveryKindOfAllocation) {
  const Growth growth;
  char* text = strdupe("four");
  auto* zeros = static_cast<char*>(_calloc(3, 5));
  void* aligned = _aligned_alloc(4096, 4096);
  EXPECT_STREQ(text, "four");
  EXPECT_EQ(std::string(zeros, 15), std::string(15, '\0'));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned) % 4096, 0U);
  EXPECT_EQ(growth.text(), "allocated 4116/3 freed 0/0 inuse 4116 untracked 0");
  _free(text);
  _free(zeros);
  _free(aligned);
  EXPECT_EQ(growth.text(), "allocated 4116/3 freed 4116/3 inuse 0 untracked 0");
}

TEST(Memtrack, RefusesAnOverflowingCalloc) {
  const Growth growth;
  errno = 0;
  volatile std::size_t half = std::size_t{1} << 63;
  EXPECT_EQ(_calloc(half, 2), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
}

TEST(Memtrack, ReallocIsAFreeAndAnAllocation) {
  const Growth growth;
  auto* block = static_cast<char*>(_realloc(nullptr, 10));
  std::memcpy(block, "123456789", 10);
  block = static_cast<char*>(_realloc(block, 100000));
  EXPECT_STREQ(block, "123456789");
  EXPECT_EQ(growth.text(), "allocated 100010/2 freed 10/1 inuse 100000 untracked 0");
  EXPECT_EQ(_realloc(block, 0), nullptr);
  EXPECT_EQ(growth.text(), "allocated 100010/2 freed 100010/2 inuse 0 untracked 0");
}

TEST(Memtrack, KeepsTheSizeWhereTheShadowWritesItInAnotherWay) {
  constexpr std::size_t part = std::size_t{1} << shadow::part_bits;
  for (const std::size_t limit :
       {std::size_t{3}, std::size_t{24}, shadow::one_word_max, shadow::one_word_max + part,
        shadow::one_word_max + 2 * part, shadow::plain_size_max}) {
    for (std::size_t size = limit - 3; size <= limit + 3; ++size) {
      const std::string bytes = std::to_string(size);
      for (const std::size_t alignment : {16U, 32U, 64U}) {
        const Growth growth;
        _free(_aligned_alloc(alignment, size));
        EXPECT_EQ(growth.text(),
                  "allocated " + bytes + "/1 freed " + bytes + "/1 inuse 0 untracked 0");
      }
    }
  }
}

TEST(Memtrack, KeepsTheSizeOfABlockBeyondFourGigabytes) {
  const Growth growth;
  const std::size_t size = (std::size_t{5} << 30) + 7;
  _free(_malloc(size));
  EXPECT_EQ(growth.text(), "allocated 5368709127/1 freed 5368709127/1 inuse 0 untracked 0");
}

TEST(Memtrack, AForeignBlockIsAnUntrackedFreeAndIsFreed) {
  const Growth growth;
  _free(malloc(10));  // the leak checker would tell if it stayed
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 1");
}

TEST(Memtrack, WhoeverMeetsBothKindsFreesEither) {
  const Growth growth;
  memtrack_free_either(malloc(10));
  memtrack_free_either(nullptr);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
  memtrack_free_either(_malloc(10));
  EXPECT_EQ(growth.text(), "allocated 10/1 freed 10/1 inuse 0 untracked 0");
}

TEST(Memtrack, ReallocOfAForeignBlockIsAnUntrackedFree) {
  const Growth growth;
  void* block = _realloc(malloc(10), 20);
  EXPECT_EQ(growth.text(), "allocated 20/1 freed 0/0 inuse 20 untracked 1");
  _free(block);
}

TEST(Memtrack, ABlockMayReachRawFree) {
  free(_malloc(48));
  for (int i = 0; i < 100; ++i) {
    _free(_malloc(48));
  }
}

TEST(Memtrack, ADoubleFreeIsNotExecuted) {
  for (const std::size_t size : {16U, 100U, 2000U, 40000U, 4000000U}) {
    void* volatile block = _malloc(size);
    const Growth growth;
    const std::uint64_t before = memtrack_self().double_frees;
    _free(block);
    _free(block);
    EXPECT_EQ(growth.text(), "allocated 0/0 freed " + std::to_string(size) + "/1 inuse -" +
                                 std::to_string(size) + " untracked 1");
    EXPECT_EQ(memtrack_self().double_frees - before, 1U) << size;
  }
}

TEST(Memtrack, ReallocOfAFreedBlockIsRefused) {
  void* volatile block = _malloc(100);
  _free(block);
  errno = 0;
  const Growth growth;
  EXPECT_EQ(_realloc(block, 200), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 1");
}

TEST(Memtrack, TwoThreadsThatFreeTheSameBlockAreOneFreeAndOneUntracked) {
  constexpr int rounds = 500;
  const Growth growth;
  for (int round = 0; round < rounds; ++round) {
    void* block = _malloc(64);
    std::atomic<int> ready{0};
    const auto free_it = [&] {
      ready.fetch_add(1);
      while (ready.load() < 2) {
      }
      _free(block);
    };
    std::thread other(free_it);
    free_it();
    other.join();
  }
  EXPECT_EQ(growth.text(), "allocated 32000/500 freed 32000/500 inuse 0 untracked 500");
}

TEST(Memtrack, RemembersWhereUntrackedFreesCameFrom) {
  std::vector<memtrack_untracked_site> before(memtrack_untracked_sites_max);
  before.resize(memtrack_untracked_sites(before.data(), before.size()));
  void* foreign[3] = {malloc(8), malloc(8), malloc(8)};
  for (void* block : foreign) {
    _free(block);
  }
  std::vector<memtrack_untracked_site> sites(memtrack_untracked_sites_max);
  sites.resize(memtrack_untracked_sites(sites.data(), sites.size()));
  ASSERT_EQ(sites.size(), before.size() + 1);
  EXPECT_EQ(sites.back().kind, memtrack_foreign_free);
  EXPECT_EQ(sites.back().count, 3U);
  EXPECT_EQ(sites.back().last, foreign[2]);
  EXPECT_GT(sites.back().depth, 2U);
}

std::vector<std::string>* reports = nullptr;

void report(void* block, std::size_t size, memtrack_op op) {
  _free(_malloc(1));  // is counted, not reported
  reports->push_back((op == memtrack_allocation ? "+" : "-") + std::to_string(size) +
                     (block == nullptr ? " null" : ""));
}

TEST(Memtrack, TellsTheCallbackBeforeABlockIsFreed) {
  std::vector<std::string> seen;
  reports = &seen;
  _set_memory_tracker_cb(report);
  EXPECT_EQ(_get_memory_tracker_cb(), report);
  void* block = _malloc(5);
  block = _realloc(block, 6);
  _free(block);
  _free(nullptr);
  _set_memory_tracker_cb(nullptr);
  _free(_malloc(7));
  EXPECT_THAT(seen, ElementsAre("+5", "-0", "+6", "-0"));
}

TEST(Memtrack, BlocksOfTheTimeWithoutAccountingAreNoUntrackedFrees) {
  void* early = _malloc(10);
  const Growth growth;
  memtrack_enable(0);
  EXPECT_EQ(memtrack_enabled(), 0);
  void* off = _malloc(20);
  void* moved = _realloc(_malloc(30), 40);
  _free(_malloc(50));
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 0/0 inuse 0 untracked 0");
  _free(early);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 10/1 inuse -10 untracked 0");
  memtrack_enable(1);
  EXPECT_EQ(memtrack_enabled(), 1);
  const std::uint64_t older = memtrack_self().older_frees;
  _free(off);
  _free(moved);
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 10/1 inuse -10 untracked 0");
  EXPECT_EQ(memtrack_self().older_frees - older, 2U);
  _free(malloc(1));
  EXPECT_EQ(growth.text(), "allocated 0/0 freed 10/1 inuse -10 untracked 1");
}

TEST(Memtrack, TheAllocatorAndTheDeleterAreCounted) {
  struct alignas(64) Wide {
    char bytes[64];
  };
  const Growth growth;
  {
    std::vector<int, Allocator<int>> numbers(10);
    std::vector<Wide, Allocator<Wide>> wides(2);
    const Owned<char> text(strdupe("abc"));
    EXPECT_EQ(growth.text(), "allocated 172/3 freed 0/0 inuse 172 untracked 0");
  }
  EXPECT_EQ(growth.text(), "allocated 172/3 freed 172/3 inuse 0 untracked 0");
}

TEST(Memtrack, AChildCountsOnFromItsParent) {
  void* block = _malloc(11);
  const pid_t child = fork();
  if (child == 0) {
    const Growth growth;
    _free(block);
    _free(_malloc(5));
    _exit(growth.text() == "allocated 5/1 freed 16/2 inuse -11 untracked 0" ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  _free(block);
}

struct LateFree {
  void* block = nullptr;
  ~LateFree() {
    _free(block);
    _free(_malloc(3));
  }
};

TEST(Memtrack, ThreadsMayAllocateInTheirDestructors) {
  const Growth growth;
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      thread_local LateFree late;
      late.block = _malloc(7);
    }).join();
  }
  EXPECT_EQ(growth.text(), "allocated 200/40 freed 200/40 inuse 0 untracked 0");
}

}  // namespace
}  // namespace heapwatch::memtrack
