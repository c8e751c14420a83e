#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
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
  Draws draws{42};
  EXPECT_EQ(draw_interval(1, draws), 0);
  EXPECT_EQ(weight_of(1, 1), 1);
  EXPECT_EQ(weight_of(0, 1), 1);
  EXPECT_NEAR(weight_of(2, 2), 1 / -std::expm1(-1), 1e-8);
}

TEST(Poisson, IntervalsAreExponentiallyDistributed) {
  constexpr int count = 64000;
  Draws draws{42};
  std::vector<double> intervals(count);
  for (double& interval : intervals) {
    interval = static_cast<double>(draw_interval(1U << 20, draws)) / (1U << 20);
  }
  std::sort(intervals.begin(), intervals.end());
  for (int i = 0; i < count; i += 500) {
    const double above = 1 - (i + 0.5) / count;
    EXPECT_NEAR(std::exp(-intervals[static_cast<std::size_t>(i)]), above, 0.001) << i;
  }
}

/// The mean and the standard deviation of the estimated bytes of a program that allocates blocks of
/// these sizes in turn, as parts of the true ones; sizes are in intervals.
struct Spread {
  double mean;
  double deviation;
};

Spread estimate(const std::vector<double>& sizes, double bytes, std::size_t of) {
  constexpr int runs = 400;
  constexpr std::uint64_t interval = 1U << 20;
  std::uint64_t seed = 42;
  double sum = 0;
  double squares = 0;
  for (int run = 0; run < runs; ++run) {
    Draws draws{next_random(seed)};
    double left = static_cast<double>(draw_interval(interval, draws));
    double estimated = 0;
    double true_bytes = 0;
    double done = 0;
    for (std::size_t i = static_cast<std::size_t>(run); done < bytes; ++i) {
      const double size = sizes[i % sizes.size()];
      const bool counts = of == sizes.size() || of == i % sizes.size();
      done += size;
      true_bytes += counts ? size : 0;
      left -= size * interval;
      if (left <= 0) {
        estimated += counts ? size / -std::expm1(-size) : 0;
        left = static_cast<double>(draw_interval(interval, draws));
      }
    }
    sum += estimated / true_bytes;
    squares += estimated / true_bytes * (estimated / true_bytes);
  }
  const double mean = sum / runs;
  return {mean, std::sqrt(squares / runs - mean * mean)};
}

TEST(Poisson, EstimatesVaryLessThanThoseOfIndependentIntervals) {
  // A GiB at the default interval: independent intervals have 2.2 %.
  const Spread long_run = estimate({1.0 / 64}, 2048, 1);
  EXPECT_NEAR(long_run.mean, 1, 0.001);
  EXPECT_LT(long_run.deviation, 0.005);
  // 16 MiB: they have 18 %.
  const Spread short_run = estimate({1.0 / 64}, 32, 1);
  EXPECT_NEAR(short_run.mean, 1, 0.02);
  EXPECT_LT(short_run.deviation, 0.16);
}

TEST(Poisson, EstimatesOfBlocksAsBigAsTheIntervalAreRight) {
  for (const std::vector<double>& sizes :
       {std::vector<double>{1}, {0.7, 1.4}, {0.3, 0.9}, {0.5, 0.5, 0.5, 3}, {2, 4}}) {
    for (std::size_t of = 0; of <= sizes.size(); ++of) {
      EXPECT_NEAR(estimate(sizes, 2048, of).mean, 1, 0.015) << sizes[0] << ' ' << of;
    }
  }
}

}  // namespace
}  // namespace heapwatch::memtrack
