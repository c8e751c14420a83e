#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "memtrack/memtrack.hpp"
#include "memtrack/poisson.h"

namespace heapwatch::memtrack {
namespace {

struct Sum {
  double allocated = 0;
  double inuse = 0;
};

/// The estimated bytes below the function that starts here.
[[gnu::noinline]] void allocate(std::vector<void*>& blocks, std::size_t size) {
  blocks.push_back(_malloc(size));
}

Sum sum_of(const memtrack_component component) {
  Sum sum;
  memtrack_profile* profile = memtrack_profile_take();
  for (std::size_t i = 0; i < memtrack_profile_size(profile); ++i) {
    const memtrack_sample sample = memtrack_profile_at(profile, i);
    if (sample.component == component) {
      const double bytes = static_cast<double>(sample.size) * sample.weight;
      sum.allocated += static_cast<double>(sample.allocated) * bytes;
      sum.inuse += static_cast<double>(sample.inuse) * bytes;
    }
  }
  memtrack_profile_release(profile);
  return sum;
}

TEST(Profile, EstimatesWhatAComponentHolds) {
  const memtrack_component component = memtrack_component_id("profile:estimate");
  memtrack_set_sample_interval(32768);
  std::vector<void*> blocks;
  double bytes = 0;
  {
    const Scope scope(component);
    for (std::size_t i = 0; bytes < (256 << 20); ++i) {
      const std::size_t size = 16 + (i * 7919) % 8000;
      allocate(blocks, size);
      bytes += static_cast<double>(size);
    }
  }
  const Sum all = sum_of(component);
  EXPECT_NEAR(all.allocated / bytes, 1, 0.05);  // one sigma is 1.1 %
  EXPECT_DOUBLE_EQ(all.allocated, all.inuse);
  for (void* block : blocks) {
    _free(block);
  }
  EXPECT_EQ(sum_of(component).inuse, 0);
  EXPECT_DOUBLE_EQ(sum_of(component).allocated, all.allocated);
  memtrack_set_sample_interval(memtrack_sample_interval_default);
}

TEST(Profile, EstimatesBothSidesOfAScopeThatComesAndGoes) {
  const memtrack_component component = memtrack_component_id("profile:now and then");
  memtrack_set_sample_interval(32768);
  const Sum outside = sum_of(0);
  double bytes = 0;
  for (std::size_t i = 0; bytes < (256 << 20); ++i) {
    const std::size_t size = 16 + (i * 7919) % 8000;
    _free(_malloc(size));
    const Scope scope(component);
    _free(_malloc(size));
    bytes += static_cast<double>(size);
  }
  EXPECT_NEAR((sum_of(0).allocated - outside.allocated) / bytes, 1, 0.05);  // one sigma is 1.1 %
  EXPECT_NEAR(sum_of(component).allocated / bytes, 1, 0.05);
  memtrack_set_sample_interval(memtrack_sample_interval_default);
}

TEST(Profile, ADeltaHoldsWhatCameBetween) {
  const memtrack_component component = memtrack_component_id("profile:delta");
  memtrack_set_sample_interval(1);
  const Scope scope(component);
  void* before = _malloc(1000);
  memtrack_profile* earlier = memtrack_profile_take();
  void* between = _malloc(2000);
  _free(before);
  memtrack_profile* later = memtrack_profile_take();
  std::string text;
  for (std::size_t i = 0; i < memtrack_profile_size(later); ++i) {
    const memtrack_sample sample = memtrack_profile_delta_at(later, earlier, i);
    if (sample.component == component && (sample.allocated != 0 || sample.inuse != 0)) {
      text += std::to_string(sample.size) + ":" + std::to_string(sample.allocated) + "," +
              std::to_string(static_cast<std::int64_t>(sample.inuse)) + " ";
    }
  }
  EXPECT_EQ(text, "1000:0,-1 2000:1,1 ");
  memtrack_profile_release(earlier);
  memtrack_profile_release(later);
  _free(between);
  memtrack_set_sample_interval(memtrack_sample_interval_default);
}

using Lines = std::vector<std::uintptr_t>;

[[gnu::noinline]] void* leaf(std::uintptr_t& here) {
  void* block = _malloc(777);
  here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  return block;
}

[[gnu::noinline]] void* middle(std::uintptr_t& in_middle, std::uintptr_t& here) {
  void* block = leaf(in_middle);
  here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  return block;
}

TEST(Profile, TheStackStartsAtTheCallerAndLeadsOutwards) {
  const memtrack_component component = memtrack_component_id("profile:stack");
  memtrack_set_sample_interval(1);
  std::uintptr_t in_middle = 0;
  std::uintptr_t in_test = 0;
  {
    const Scope scope(component);
    _free(middle(in_middle, in_test));
  }
  memtrack_set_sample_interval(memtrack_sample_interval_default);
  memtrack_profile* profile = memtrack_profile_take();
  Lines stack;
  for (std::size_t i = 0; i < memtrack_profile_size(profile); ++i) {
    const memtrack_sample sample = memtrack_profile_at(profile, i);
    if (sample.component == component) {
      stack.assign(sample.stack, sample.stack + sample.depth);
    }
  }
  memtrack_profile_release(profile);
  ASSERT_GT(stack.size(), 6U);  // through gtest down to main and libc
  EXPECT_EQ(stack[1], in_middle);
  EXPECT_EQ(stack[2], in_test);
  // The outermost frames are libc's start-up code and the program's entry: the walk went all the
  // way.
  Dl_info info{};
  bool saw_libc = false;
  for (const std::uintptr_t address : stack) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of code
    if (dladdr(reinterpret_cast<void*>(address), &info) != 0 && info.dli_fname != nullptr) {
      saw_libc = saw_libc || std::string(info.dli_fname).find("libc.so") != std::string::npos;
    }
  }
  EXPECT_TRUE(saw_libc);
}

TEST(Profile, ListsTheCodeWithBuildIds) {
  struct Seen {
    bool self = false;
    bool libc_with_build_id = false;
  } seen;
  memtrack_mappings(
      [](const memtrack_mapping* mapping, void* context) {
        auto* const into = static_cast<Seen*>(context);
        const auto here = reinterpret_cast<std::uintptr_t>(&memtrack_mappings);
        into->self = into->self || (mapping->start <= here && here < mapping->limit &&
                                    std::strstr(mapping->path, "memtrack_test") != nullptr);
        into->libc_with_build_id =
            into->libc_with_build_id ||
            (std::strstr(mapping->path, "libc.so") != nullptr && mapping->build_id_size == 20);
      },
      &seen);
  EXPECT_TRUE(seen.self);
  EXPECT_TRUE(seen.libc_with_build_id);
}

TEST(Poisson, LogarithmAndChanceAreRight) {
  for (const double x : {1e-16, 1e-3, 0.1, 0.5, 0.7, 1.0, 1.41, 1.42, 2.0, 1e10}) {
    EXPECT_NEAR(natural_log(x), std::log(x), 1e-9 * (1 + std::abs(std::log(x)))) << x;
  }
  for (const double x : {1e-9, 1e-3, 0.1, 0.5, 0.6, 1.0, 3.0, 17.0, 39.0, 41.0}) {
    EXPECT_NEAR(chance_of(x) / -std::expm1(-x), 1, 1e-9) << x;
  }
}

TEST(Poisson, AnIntervalOfOneLeavesNothingToChance) {
  std::uint64_t state = 42;
  EXPECT_EQ(draw_interval(1, state), 0);
  EXPECT_EQ(weight_of(1, 1), 1);
  EXPECT_EQ(weight_of(0, 1), 1);
  EXPECT_NEAR(weight_of(2, 2), 1 / -std::expm1(-1), 1e-8);
}

TEST(Poisson, IntervalsHaveTheirMean) {
  std::uint64_t state = 42;
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    sum += static_cast<double>(draw_interval(1000, state));
  }
  EXPECT_NEAR(sum / 100000, 1000, 20);  // one sigma is 3.2
}

}  // namespace
}  // namespace heapwatch::memtrack
