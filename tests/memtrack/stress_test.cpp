#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "counters_text.h"

namespace heapwatch::memtrack {
namespace {

/// How many operations: HEAPWATCH_STRESS_OPERATIONS, else few enough for every run.
std::uint64_t operations() {
  const char* text = std::getenv("HEAPWATCH_STRESS_OPERATIONS");
  return text == nullptr ? 400000 : std::strtoull(text, nullptr, 10);
}

struct Block {
  void* at;
  std::size_t size;
};

/// Blocks on their way from thread to thread.
class Exchange {
 public:
  Block swap(Block block, std::size_t slot) {
    const std::lock_guard lock(mutexes_[slot % mutex_count]);
    std::swap(blocks_[slot], block);
    return block;
  }
  std::vector<Block> drain() { return std::exchange(blocks_, std::vector<Block>(slot_count)); }

  static constexpr std::size_t slot_count = 4096;

 private:
  static constexpr std::size_t mutex_count = 64;
  std::mutex mutexes_[mutex_count];
  std::vector<Block> blocks_ = std::vector<Block>(slot_count);
};

/// What the counters must say.
struct Oracle {
  std::atomic<std::uint64_t> allocated{0};
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> freed{0};
  std::atomic<std::uint64_t> frees{0};

  void allocate(std::size_t size) {
    allocated += size;
    ++allocations;
  }
  void free(std::size_t size) {
    freed += size;
    ++frees;
  }
  [[nodiscard]] std::string text() const {
    return text_of({allocated, freed, allocations, frees, allocated - freed, 0});
  }
};

Block make(std::mt19937_64& random, Oracle& oracle) {
  const std::size_t size = random() % 64 == 0 ? random() % 300000 : random() % 500;
  oracle.allocate(size);
  switch (random() % 4) {
    case 0:
      return {_calloc(1, size), size};
    case 1:
      return {_aligned_alloc(std::size_t{16} << random() % 6, size), size};
    default:
      return {_malloc(size), size};
  }
}

void work(std::uint64_t seed, std::uint64_t count, Exchange& exchange, Oracle& oracle) {
  std::mt19937_64 random(seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    Block block = exchange.swap(make(random, oracle), random() % Exchange::slot_count);
    if (block.at == nullptr) {
      continue;
    }
    oracle.free(block.size);
    if (random() % 8 == 0) {
      block.size = 1 + random() % 1000;
      block.at = _realloc(block.at, block.size);
      oracle.allocate(block.size);
      oracle.free(block.size);
    }
    _free(block.at);
  }
}

void run_load(Oracle& oracle, std::uint64_t count) {
  constexpr unsigned threads = 8;
  Exchange exchange;
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back(work, i, count / threads, std::ref(exchange), std::ref(oracle));
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  for (const Block& block : exchange.drain()) {
    if (block.at != nullptr) {
      oracle.free(block.size);
      _free(block.at);
    }
  }
}

TEST(Stress, EightThreadsAgreeWithTheOracle) {
  memtrack_set_sample_interval(4096);
  const Growth growth;
  Oracle oracle;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      const memtrack_counters now = memtrack_stats();
      EXPECT_GE(now.allocated_bytes, now.freed_bytes);
      EXPECT_GE(now.allocations, now.frees);
      memtrack_profile_release(memtrack_profile_take());
      // A reader that does nothing else would hold up who samples, most of all under a sanitizer.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  run_load(oracle, operations());
  done.store(true);
  reader.join();
  memtrack_set_sample_interval(memtrack_sample_interval_default);
  EXPECT_EQ(growth.text(), oracle.text());
}

std::atomic<std::uint64_t> signals{0};

TEST(Stress, SignalsDoNotDisturbTheCounters) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) { signals.fetch_add(1); };
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, &before);
  const Growth growth;
  Oracle oracle;
  std::atomic<bool> done{false};
  const pid_t process = getpid();
  std::thread sender([&] {
    while (!done.load()) {
      kill(process, SIGUSR1);
      std::this_thread::yield();
    }
  });
  run_load(oracle, operations() / 8);
  done.store(true);
  sender.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_GT(signals.load(), 0U);
  EXPECT_EQ(growth.text(), oracle.text());
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// The sanitizers' allocators stay locked in the child when another thread was inside them.
constexpr std::size_t allocations_of_child = 0;
#else
constexpr std::size_t allocations_of_child = 500;
#endif

TEST(Stress, AProcessThatForksUnderLoadGoesOnInParentAndChild) {
  memtrack_set_sample_interval(4096);
  const Growth growth;
  Oracle oracle;
  std::thread load([&] { run_load(oracle, operations() / 8); });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::uint64_t untracked = memtrack_stats().untracked_frees;
      memtrack_set_sample_interval(1);
      for (std::size_t size = 0; size < allocations_of_child; ++size) {
        _free(_malloc(size));
      }
      memtrack_profile_release(memtrack_profile_take());
      // Past the sanitizers' farewell, which misses the parent's threads.
      syscall(SYS_exit_group, memtrack_stats().untracked_frees == untracked ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  load.join();
  memtrack_set_sample_interval(memtrack_sample_interval_default);
  EXPECT_EQ(growth.text(), oracle.text());
}

/// Threads make the first blocks of the process while another forks; 0 when the child gets at the
/// books.
int fork_beside_the_first_blocks() {
  memtrack_set_sample_interval(1);
  std::atomic<bool> begun{false};
  std::atomic<bool> done{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 3; ++i) {
    load.emplace_back([&] {
      while (!done.load()) {
        _free(_malloc(100));
        begun.store(true);
      }
    });
  }
  int status = 0;
  for (bool last = false; !last && status == 0;) {
    last = begun.load();
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      memtrack_profile_release(memtrack_profile_take());
      syscall(SYS_exit_group, 0);
    }
    status = waitpid(child, &status, 0) == child ? status : -1;
  }
  done.store(true);
  for (std::thread& thread : load) {
    thread.join();
  }
  return status;
}

TEST(Stress, AForkMayComeBesideTheFirstBlocks) {
  for (int i = 0; i < 40; ++i) {
    const pid_t fresh = fork();
    ASSERT_GE(fresh, 0);
    if (fresh == 0) {
      syscall(SYS_exit_group, fork_beside_the_first_blocks() == 0 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(fresh, &status, 0), fresh);
    ASSERT_EQ(status, 0) << "in round " << i;
  }
}

TEST(Model, RandomOperationsAgreeWithAMap) {
  std::mt19937_64 random(7);
  std::map<void*, std::size_t> model;
  const Growth growth;
  Oracle oracle;
  for (std::uint64_t i = 0; i < operations() / 4; ++i) {
    if (model.size() < 100 || random() % 3 != 0) {
      const Block block = make(random, oracle);
      EXPECT_TRUE(model.emplace(block.at, block.size).second);
    } else {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): a place in the map, not an object
      auto at = model.lower_bound(reinterpret_cast<void*>(random() % (std::uintptr_t{1} << 47)));
      at = at == model.end() ? model.begin() : at;
      oracle.free(at->second);
      _free(at->first);
      model.erase(at);
    }
    if (model.size() > 3000) {
      for (const auto& [block, size] : model) {
        oracle.free(size);
        _free(block);
      }
      model.clear();
    }
  }
  EXPECT_EQ(growth.text(), oracle.text());
  for (const auto& [block, size] : model) {
    _free(block);
  }
}

}  // namespace
}  // namespace heapwatch::memtrack
