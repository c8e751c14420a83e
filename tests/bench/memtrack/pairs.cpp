// One measurement: pairs VARIANT SCENARIO THREADS PAIRS prints the CPU nanoseconds that a pair of
// allocation and free takes.
#define MEMTRACK_ALLOW_RAW
#include <malloc.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "memtrack/memtrack.h"

namespace {

struct Glibc {
  static void* allocate(std::size_t size) { return malloc(size); }
  static void release(void* block) { free(block); }
};

struct Memtrack {
  static void* allocate(std::size_t size) { return _malloc(size); }
  static void release(void* block) { _free(block); }
};

/// A live set under one lock.
struct MutexAndMap {
  static inline std::mutex mutex;
  static inline std::unordered_map<void*, std::size_t> live;
  static inline std::uint64_t inuse = 0;
  static inline std::uint64_t allocations = 0;
  static inline std::uint64_t frees = 0;
  static inline std::uint64_t untracked = 0;

  static void* allocate(std::size_t size) {
    void* const block = malloc(size);
    const std::lock_guard lock(mutex);
    live[block] = size;
    inuse += size;
    ++allocations;
    return block;
  }
  static void release(void* block) {
    {
      const std::lock_guard lock(mutex);
      const auto found = live.find(block);
      if (found == live.end()) {
        ++untracked;
      } else {
        inuse -= found->second;
        ++frees;
        live.erase(found);
      }
    }
    free(block);
  }
};

/// The reference of 2025: counters that all threads share, usable sizes, no live set.
struct FiveAtomics {
  static inline std::atomic<std::uint64_t> allocations{0};
  static inline std::atomic<std::uint64_t> allocated_bytes{0};
  static inline std::atomic<std::uint64_t> frees{0};
  static inline std::atomic<std::uint64_t> freed_bytes{0};
  static inline std::atomic<std::int64_t> inuse_bytes{0};

  static void* allocate(std::size_t size) {
    void* const block = malloc(size);
    const std::size_t usable = malloc_usable_size(block);
    allocations.fetch_add(1, std::memory_order_relaxed);
    allocated_bytes.fetch_add(usable, std::memory_order_relaxed);
    inuse_bytes.fetch_add(static_cast<std::int64_t>(usable), std::memory_order_relaxed);
    return block;
  }
  static void release(void* block) {
    const std::size_t usable = malloc_usable_size(block);
    frees.fetch_add(1, std::memory_order_relaxed);
    freed_bytes.fetch_add(usable, std::memory_order_relaxed);
    inuse_bytes.fetch_sub(static_cast<std::int64_t>(usable), std::memory_order_relaxed);
    free(block);
  }
};

struct Scenario {
  std::size_t live;      // blocks of a thread
  std::size_t size_min;  // sizes are spread evenly
  std::size_t size_max;
};

std::uint64_t next(std::uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

double thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Replaces a block of a live set again and again; its CPU time without making the set and what a
/// process does but once.
template <typename Variant>
double run(const Scenario& scenario, std::uint64_t pairs, std::uint64_t seed) {
  const std::uint64_t span = scenario.size_max - scenario.size_min + 1;
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  std::vector<void*> blocks(scenario.live);
  for (void*& block : blocks) {
    block = Variant::allocate(scenario.size_min + next(state) % span);
  }
  const auto replace = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t random = next(state);
      void*& block = blocks[(random >> 32) % scenario.live];
      Variant::release(block);
      block = Variant::allocate(scenario.size_min + (random & 0xffffffffU) % span);
      *static_cast<volatile char*>(block) = 1;
    }
  };
  replace(pairs / 8);
  const double began = thread_cpu_ns();
  replace(pairs);
  const double took = thread_cpu_ns() - began;
  for (void* block : blocks) {
    Variant::release(block);
  }
  return took;
}

template <typename Variant>
double run_threads(Scenario scenario, std::size_t threads, std::uint64_t each) {
  scenario.live =
      scenario.live < std::size_t{64} * threads ? scenario.live : scenario.live / threads;
  std::vector<double> took(threads);
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] { took[i] = run<Variant>(scenario, each, i + 1); });
  }
  double sum = 0;
  for (std::size_t i = 0; i < threads; ++i) {
    workers[i].join();
    sum += took[i];
  }
  return sum / (static_cast<double>(each) * static_cast<double>(threads));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 5) {
    std::fputs("usage: pairs VARIANT hot|small|live THREADS PAIRS\n", stderr);
    return 2;
  }
  const std::string variant = arguments[1];
  const std::map<std::string, Scenario> scenarios{{"hot", {64, 16, 2032}},
                                                  {"small", {64, 16, 1024}},  // from thread caches
                                                  {"live", {1000000, 16, 256}}};
  const auto found = scenarios.find(arguments[2]);
  if (found == scenarios.end()) {
    std::fprintf(stderr, "no scenario \"%s\"\n", arguments[2]);
    return 2;
  }
  const Scenario& scenario = found->second;
  const std::size_t threads = std::strtoull(arguments[3], nullptr, 10);
  const std::uint64_t each = threads == 0 ? 0 : std::strtoull(arguments[4], nullptr, 10) / threads;
  if (each == 0) {
    std::fputs("pairs: no threads, or fewer pairs than threads\n", stderr);
    return 2;
  }
  double took = 0;
  if (variant == "glibc") {
    took = run_threads<Glibc>(scenario, threads, each);
  } else if (variant == "memtrack") {
    took = run_threads<Memtrack>(scenario, threads, each);
  } else if (variant == "disabled") {
    memtrack_enable(0);
    took = run_threads<Memtrack>(scenario, threads, each);
  } else if (variant == "counters") {
    memtrack_set_sample_interval(0);
    took = run_threads<Memtrack>(scenario, threads, each);
  } else if (variant == "mutex_map") {
    took = run_threads<MutexAndMap>(scenario, threads, each);
  } else if (variant == "five_atomics") {
    took = run_threads<FiveAtomics>(scenario, threads, each);
  } else {
    std::fprintf(stderr, "no variant \"%s\"\n", variant.c_str());
    return 2;
  }
  std::printf("%.3f\n", took);
  return 0;
}
