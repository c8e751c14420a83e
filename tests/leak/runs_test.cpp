// Verdicts on the runs of simulated checks.
#include "leak/runs.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace heapwatch::leak {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int checks_count = 200;

/// What is alive after a run: by the run, from a base that scatters a little.
using Kept = std::function<double(int)>;

struct CheckModel {
  Kept python = [](int) { return 0.0; };
  Kept native = [](int) { return 0.0; };
  Kept descriptors = [](int) { return 20.0; };
};

Watch watch_runs(const CheckModel& model, int runs, unsigned seed = 1, double scatter = 200) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> noise(0, scatter);
  Watch watch{.pid = 7, .check = "orders"};
  for (int run = 0; run <= runs; ++run) {
    Look look{.at = 0.01 * run, .rss = 30e6};
    look.runs = run;
    look.threads = 3;
    look.descriptors = model.descriptors(run);
    look.counted = {{"native", "", "live", 5e6 + model.native(run) + noise(random)},
                    {"python", "", "live", 9e6 + model.python(run) + noise(random)},
                    {"mmap", "", "live", 0},
                    {"stack", "", "live", 8e6}};
    watch.looks.push_back(std::move(look));
  }
  watch.run_interval = 15;
  return watch;
}

Judgement judged(const CheckModel& model, int runs, unsigned seed = 1, double scatter = 200) {
  return judge(watch_runs(model, runs, seed, scatter));
}

/// Of so many seeds, how many end in that verdict.
int verdicts(Verdict wanted, int runs, const std::function<CheckModel(std::mt19937&)>& make) {
  int count = 0;
  for (unsigned seed = 1; seed <= checks_count; ++seed) {
    std::mt19937 random(seed);
    count += judged(make(random), runs, seed).verdict().verdict == wanted ? 1 : 0;
  }
  return count;
}

CheckModel python_of(Kept kept) {
  CheckModel model;
  model.python = std::move(kept);
  return model;
}

TEST(Runs, TwoKibibytesARunAreALeakAndToldByTheRun) {
  const Judgement judgement = judged(python_of([](int run) { return 2048.0 * run; }), 50);
  EXPECT_EQ(judgement.verdict().verdict, Verdict::leak);
  EXPECT_EQ(judgement.verdict().space, "python");
  EXPECT_EQ(judgement.verdict().confidence, Confidence::high);
  EXPECT_THAT(judgement.verdict().sentence, StartsWith("leak in Python: +2.0 KiB a run"));
  EXPECT_THAT(judgement.verdict().sentence, HasSubstr("+8.0 KiB/min at its interval"));
  ASSERT_TRUE(judgement.verdict().rate);
  EXPECT_NEAR(judgement.verdict().rate->value, 2048.0 / 15, 3);
}

TEST(Runs, ALeakIsFoundBehindACacheOfTheFirstRuns) {
  const auto make = [](std::mt19937& random) {
    const int fills = 1 + static_cast<int>(random() % 6);
    return python_of(
        [fills](int run) { return 1048576.0 * std::min(run, fills) / fills + 2048.0 * run; });
  };
  EXPECT_GE(verdicts(Verdict::leak, 50, make), 198);
  EXPECT_GE(verdicts(Verdict::leak, 25, make), 190);
}

TEST(Runs, ACacheOfTheFirstRunsIsNoLeak) {
  for (const int runs : {12, 20, 50, 300}) {
    EXPECT_EQ(verdicts(Verdict::leak, runs,
                       [](std::mt19937& random) {
                         const int fills = 1 + static_cast<int>(random() % 5);
                         return python_of(
                             [fills](int run) { return 1048576.0 * std::min(run, fills) / fills; });
                       }),
              0)
        << runs;
  }
}

TEST(Runs, ABoundedQueueIsNoLeakOnceItIsFull) {
  for (const int runs : {30, 100, 500}) {
    EXPECT_EQ(verdicts(Verdict::leak, runs,
                       [runs](std::mt19937& random) {
                         const double bound =
                             runs * (0.1 + 0.5 * static_cast<double>(random() % 100) / 100.0);
                         return python_of(
                             [bound](int run) { return 3000 * std::min<double>(run, bound); });
                       }),
              0)
        << runs;
  }
}

TEST(Runs, AFillingCacheOfRandomKeysIsNoLeak) {
  EXPECT_LE(verdicts(Verdict::leak, 300,
                     [](std::mt19937& random) {
                       const double keys = 20 + static_cast<double>(random() % 80);
                       return python_of(
                           [keys](int run) { return 4000 * keys * (1 - std::exp(-run / keys)); });
                     }),
            1);
}

TEST(Runs, WhatComesAndGoesIsNoLeak) {
  EXPECT_LE(
      verdicts(Verdict::leak, 60,
               [](std::mt19937& random) {
                 std::vector<double> walk{0};
                 std::normal_distribution<double> step(0, 3000);
                 for (int run = 0; run < 60; ++run) {
                   walk.push_back(0.8 * walk.back() + step(random));
                 }
                 return python_of([walk](int run) { return walk[static_cast<std::size_t>(run)]; });
               }),
      2);
}

TEST(Runs, ALeakOfSomeRunsAloneIsFound) {
  for (const int every : {2, 3, 5}) {
    EXPECT_GE(verdicts(Verdict::leak, 60,
                       [every](std::mt19937& random) {
                         const int phase = static_cast<int>(random() % 5);
                         return python_of(
                             [every, phase](int run) { return 6000.0 * ((run + phase) / every); });
                       }),
              198)
        << every;
  }
}

TEST(Runs, NativeMemoryAndDescriptorsAreToldApart) {
  CheckModel model;
  model.native = [](int run) { return 5000.0 * run; };
  model.descriptors = [](int run) { return 20.0 + run; };
  const Judgement judgement = judged(model, 40);
  ASSERT_EQ(judgement.findings.size(), 2U);
  EXPECT_EQ(judgement.verdict().space, "native");
  EXPECT_EQ(judgement.findings[1].space, "files");
  EXPECT_THAT(judgement.findings[1].sentence, HasSubstr("+40 open descriptors in 40 runs"));
}

TEST(Runs, NothingKeptIsSteadyAndFewRunsCannotTell) {
  EXPECT_EQ(judged({}, 40).verdict().verdict, Verdict::steady);
  const Judgement few = judged(python_of([](int run) { return 9000.0 * run; }), 5);
  EXPECT_EQ(few.verdict().verdict, Verdict::cannot_tell);
  EXPECT_THAT(few.verdict().sentence, HasSubstr("5 runs; at least 10 are wanted"));
}

TEST(Runs, TheSiteIsTheOneThatGrowsToTheEnd) {
  Watch watch = watch_runs(python_of([](int run) { return 1e6 + 2048.0 * run; }), 40);
  const auto site = [](const char* function, const std::function<double(int)>& held) {
    SiteGrowth growth{
        .space = "python",
        .stack = {{"append", "/usr/lib/python3.11/collections/__init__.py", 5, "python"},
                  {function, "/checks/orders.py", 41, "python"}}};
    for (int run = 0; run <= 40; run += 2) {
      growth.points.push_back({static_cast<double>(run), held(run)});
    }
    growth.bytes = held(40) - held(0);
    return growth;
  };
  watch.sites = {site("fill_cache", [](int run) { return 100'000.0 * std::min(run, 9); }),
                 site("check", [](int run) { return 2048.0 * run; })};
  const Judgement judgement = judge(watch);
  EXPECT_THAT(judgement.verdict().sentence,
              StartsWith("leak in Python: check (orders.py:41), +2.0 KiB a run"));
  JudgeOptions options;
  options.ignores = [](std::string_view text) { return text == "check"; };
  EXPECT_EQ(judge(watch, options).verdict().verdict, Verdict::steady);
}

}  // namespace
}  // namespace heapwatch::leak
