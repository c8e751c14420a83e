#include "agent/pages/check_verdicts.h"

#include <gmock/gmock.h>

#include <functional>
#include <random>

#include "memtrack/memtrack.h"

namespace heapwatch::agent::pages {
namespace {

using leak::Verdict;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

constexpr double kib = 1024;

/// A check whose runs come every so many seconds, and what it holds after a run.
class OfACheck : public testing::Test {
 protected:
  using Held = std::function<double(double run)>;

  CheckVerdict after(std::uint64_t runs, int seconds_apart, const Held& held,
                     const std::string& space = "native") {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> noise(0, 4 * kib);
    std::size_t leaks = 0;
    for (std::uint64_t run = 1; run <= runs; ++run) {
      for (int i = 0; i < seconds_apart; ++i) {
        now += std::chrono::seconds(1);
        if (verdicts.is_due(now)) {
          verdicts.take(now, {{.check = "orders",
                               .space = space,
                               .runs = run,
                               .bytes = static_cast<std::uint64_t>(held(static_cast<double>(run)) +
                                                                   noise(random))}});
        }
      }
      const auto told = verdicts.all();
      leaks += !told.empty() && told.front().verdict == Verdict::leak ? 1 : 0;
    }
    times_a_leak = leaks;
    return verdicts.all().front();
  }

  CheckVerdicts verdicts;
  CheckVerdicts::Moment now{std::chrono::hours(1)};
  std::size_t times_a_leak = 0;
};

TEST_F(OfACheck, ASteadyLeakIsToldInBytesARunHoweverOftenItRuns) {
  const Held leak = [](double run) { return 100 * kib + 2 * kib * run; };
  const CheckVerdict often = after(400, 1, leak);
  EXPECT_EQ(often.verdict, Verdict::leak) << often.sentence;
  EXPECT_NEAR(often.kept_per_run, 2 * kib, 0.1 * kib);
  EXPECT_THAT(
      often.sentence,
      MatchesRegex("leak in native memory: keeps 2.0 KiB a run \\(.* to .*\\), over .* runs"));
  verdicts.take(now, {});
  const CheckVerdict seldom = after(400, 15, leak);
  EXPECT_EQ(seldom.verdict, Verdict::leak) << seldom.sentence;
  EXPECT_NEAR(seldom.kept_per_run, 2 * kib, 0.1 * kib);
}

TEST_F(OfACheck, ACacheThatItsFirstRunsFillIsNoLeak) {
  const CheckVerdict verdict =
      after(600, 5, [](double run) { return 50 * kib + 1024 * kib * std::min(run, 6.0) / 6; });
  EXPECT_EQ(times_a_leak, 0U);
  EXPECT_EQ(verdict.verdict, Verdict::steady) << verdict.sentence;
}

TEST_F(OfACheck, ABoundedQueueIsNoLeakOnceItIsFull) {
  const CheckVerdict verdict =
      after(2000, 1, [](double run) { return 50 * kib + kib * std::min(run, 200.0); });
  EXPECT_NE(verdict.verdict, Verdict::leak) << verdict.sentence;
}

TEST_F(OfACheck, WhatDoesNotGrowIsSteadyForDays) {
  const CheckVerdict verdict = after(12'000, 15, [](double) { return 80 * kib; });
  EXPECT_EQ(verdict.verdict, Verdict::steady) << verdict.sentence;
  EXPECT_EQ(times_a_leak, 0U);
}

TEST_F(OfACheck, ALeakThatBeginsLaterIsTold) {
  const CheckVerdict verdict =
      after(4000, 15, [](double run) { return 80 * kib + 3 * kib * std::max(0.0, run - 1500); });
  EXPECT_EQ(verdict.verdict, Verdict::leak) << verdict.sentence;
}

TEST_F(OfACheck, PythonsMemoryIsJudgedToo) {
  const CheckVerdict verdict = after(
      600, 1, [](double run) { return 20'000 * kib + 8 * kib * run; }, "python");
  EXPECT_EQ(verdict.verdict, Verdict::leak) << verdict.sentence;
  EXPECT_THAT(verdict.sentence, HasSubstr("leak in Python: keeps 8.0 KiB a run"));
}

TEST(CheckVerdicts, ForgetChecksThatAreGoneAndHoldSoManyAtMost) {
  CheckVerdicts verdicts;
  const CheckVerdicts::Moment now{std::chrono::hours(1)};
  std::vector<CheckMemory> many;
  for (int i = 0; i < 2000; ++i) {
    many.push_back({.check = "check" + std::to_string(i), .space = "native", .runs = 1});
  }
  verdicts.take(now, many);
  EXPECT_EQ(verdicts.all().size(), CheckVerdicts::checks_max);
  EXPECT_EQ(verdicts.all().front().sentence, "cannot tell yet: too few runs so far");
  verdicts.take(now, {});
  EXPECT_THAT(verdicts.all(), IsEmpty());
}

TEST(CheckVerdicts, AreALineAndAnObjectForEach) {
  const std::vector<CheckVerdict> made{{.check = "a\n",
                                        .space = "native",
                                        .verdict = Verdict::leak,
                                        .kept_per_run = 2048,
                                        .runs = 24,
                                        .sentence = "leak in native memory: keeps 2.0 KiB a run"}};
  EXPECT_EQ(check_verdict_lines(made), "  a\\n: leak in native memory: keeps 2.0 KiB a run\n");
  EXPECT_EQ(check_verdicts_json(made),
            R"([{"check":"a\n","space":"native","verdict":"leak","kept_bytes_per_run":2048,)"
            R"("runs":24,"sentence":"leak in native memory: keeps 2.0 KiB a run"}])");
}

TEST(CheckVerdicts, TakeTheBytesOfAComponentAndTheRunsOfItsCheck) {
  memtrack_enable(1);
  const memtrack_component component = memtrack_component_id("check:verdicts_test");
  const memtrack_component before = memtrack_scope_enter(component);
  void* const block = _malloc(1000);
  memtrack_scope_leave(before);
  const auto checks = memory_of_checks({{"verdicts_test", 5}, {"memory", 3}}, {"memory"}, 4096);
  _free(block);
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[0].check, "verdicts_test");
  EXPECT_EQ(checks[0].runs, 5U);
  EXPECT_GE(checks[0].bytes, 1000U);
  EXPECT_EQ(checks[1].space, "python");
  EXPECT_EQ(checks[1].runs, 5U);  // native checks have no Python
  EXPECT_EQ(checks[1].bytes, 4096U);
}

}  // namespace
}  // namespace heapwatch::agent::pages
