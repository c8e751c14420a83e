// What names from outside may cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/remembered.h"
#include "metrics/aggregator.h"

namespace heapwatch::metrics {
namespace {

using base::Number;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class LimitsTest : public testing::Test {
 protected:
  explicit LimitsTest(Limits limits = {})
      : aggregator_({.clock = [this] { return now_; }, .limits = limits}) {}

  void submit(std::string name, Tags tags = {}, MetricType type = MetricType::gauge) {
    const Context context =
        make_context({.name = std::move(name), .tags = std::move(tags), .host = {}, .help = {}});
    aggregator_.submit({.context = context, .type = type, .value = Number::of(1)});
  }
  const Snapshot& commit() {
    aggregator_.commit(snapshot_);
    now_.wall += std::chrono::seconds(15);
    now_.steady += std::chrono::seconds(15);
    return snapshot_;
  }

  base::Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 31), {}};
  Aggregator aggregator_;
  Snapshot snapshot_;
};

TEST_F(LimitsTest, ANameThatIsTooLongIsDroppedAndSaidWithItsBeginning) {
  submit(std::string(1024, 'a'));
  submit(std::string(1025, 'b'));
  submit(std::string(40'000, 'c'));
  commit();
  EXPECT_THAT(snapshot_.series, SizeIs(1));
  EXPECT_THAT(snapshot_.dropped, ElementsAre(Pair("long_name", 2)));
  EXPECT_THAT(snapshot_.warnings,
              ElementsAre("2 submissions are left out: a name has at most 1024 bytes "
                          "(limits.name_bytes_max); the first is \"" +
                          std::string(64, 'b') + "... (1025 bytes)\""));
}

TEST_F(LimitsTest, TheWarningStaysTheSameWhileOtherNamesAreTooLong) {
  submit(std::string(2000, 'b'));
  const std::string first = commit().warnings.at(0);
  submit(std::string(3000, 'c'));
  EXPECT_THAT(commit().warnings, ElementsAre(first));
  EXPECT_THAT(commit().warnings, IsEmpty());
  submit(std::string(3000, 'c'));
  EXPECT_THAT(commit().warnings, ElementsAre(testing::HasSubstr("\"ccc")));
}

TEST_F(LimitsTest, ATagOrAHostThatIsTooLongCostsItsSample) {
  submit("x", {"short:tag", "long:" + std::string(4092, 'v')});
  const Context elsewhere =
      make_context({.name = "y", .tags = {}, .host = std::string(5000, 'h'), .help = {}});
  aggregator_.submit({.context = elsewhere, .value = Number::of(1)});
  commit();
  EXPECT_THAT(snapshot_.series, IsEmpty());
  EXPECT_THAT(snapshot_.dropped, ElementsAre(Pair("long_tag", 2)));
}

TEST_F(LimitsTest, ServiceChecksAndEventsHaveTheSameLimits) {
  ServiceCheck check{.name = std::string(2000, 'n'), .tags = {}, .host = {}, .message = {}};
  aggregator_.submit(check);
  check.name = "up";
  check.tags = {std::string(5000, 't')};
  aggregator_.submit(check);
  check.tags.clear();
  aggregator_.submit(check);
  aggregator_.submit(Event{.title = "t", .tags = {std::string(5000, 't')}});
  commit();
  EXPECT_THAT(snapshot_.service_checks, SizeIs(1));
  EXPECT_THAT(snapshot_.events, IsEmpty());
  EXPECT_THAT(snapshot_.dropped, ElementsAre(Pair("long_name", 1), Pair("long_tag", 2)));
}

TEST_F(LimitsTest, TextsOfEventsAndServiceChecksAreCutAsDatadogTakesThem) {
  aggregator_.submit(Event{.title = std::string(10'000, 't'),
                           .text = std::string(100'000, 'x'),
                           .aggregation_key = std::string(1000, 'k')});
  aggregator_.submit(
      ServiceCheck{.name = "up", .tags = {}, .host = {}, .message = std::string(100'000, 'm')});
  commit();
  ASSERT_THAT(snapshot_.events, SizeIs(1));
  EXPECT_EQ(snapshot_.events[0].title, std::string(497, 't') + "...");
  EXPECT_EQ(snapshot_.events[0].text, std::string(3997, 'x') + "...");
  EXPECT_EQ(snapshot_.events[0].aggregation_key, std::string(97, 'k') + "...");
  ASSERT_THAT(snapshot_.service_checks, SizeIs(1));
  EXPECT_EQ(snapshot_.service_checks[0].message, std::string(3997, 'm') + "...");
}

class BudgetTest : public LimitsTest {
 protected:
  static constexpr std::size_t budget = 100'000;
  BudgetTest() : LimitsTest({.instance_bytes_max = budget}) {}

  /// So many series with names of 500 bytes that no run had before.
  void submit_fresh(int count, MetricType type = MetricType::gauge) {
    for (int i = 0; i < count; ++i) {
      submit(std::to_string(++fresh_) + std::string(500, 'x'), {}, type);
    }
  }

 private:
  int fresh_ = 0;
};

TEST_F(BudgetTest, AnInstanceRemembersNoMoreThanItsBytes) {
  for (int run = 0; run < 20; ++run) {
    submit_fresh(1000);
    submit("known");
    commit();
    EXPECT_LE(aggregator_.bytes(), budget);
    if (run % 2 == 0) {  // what the run before took has made room
      EXPECT_GT(snapshot_.series.size(), 100U) << run;
    }
    EXPECT_EQ(snapshot_.dropped.at("instance_bytes") + snapshot_.series.size(), 1001U);
    EXPECT_THAT(snapshot_.warnings,
                ElementsAre(testing::HasSubstr("the instance has come to its 100000 bytes "
                                               "(limits.instance_bytes_max)")));
  }
}

TEST_F(BudgetTest, SeriesThatAreKnownGoOn) {
  submit("known");
  commit();
  submit_fresh(1000);
  submit("known");
  EXPECT_EQ(commit().series.back().context.name(), "known");
}

TEST_F(BudgetTest, WhatIsKeptForLaterMakesRoom) {
  submit_fresh(1000, MetricType::monotonic_counter);
  commit();
  for (int run = 0; run < 4; ++run) {  // they would be kept for 25 hours
    submit_fresh(20, MetricType::monotonic_counter);
    commit();
  }
  submit_fresh(100, MetricType::monotonic_counter);
  EXPECT_THAT(commit().dropped, IsEmpty());
}

TEST_F(BudgetTest, WhatOneRunHoldsCountsToo) {
  const Context context = make_context({.name = "h", .tags = {}, .host = {}, .help = {}});
  for (int i = 0; i < 10'000; ++i) {
    aggregator_.submit({.context = context, .type = MetricType::histogram, .value = Number::of(i)});
    aggregator_.submit(Event{.title = "t", .text = std::string(1000, 'x')});
  }
  commit();
  EXPECT_LT(snapshot_.series.at(0).distribution->run.size() * sizeof(Number) +
                snapshot_.events.size() * 1000,
            budget);
  EXPECT_GT(snapshot_.dropped.at("instance_bytes"), 10'000U);
}

TEST_F(LimitsTest, AProcessThatRemembersEnoughTakesNothingNew) {
  submit("known");
  commit();
  const std::size_t limit = base::remembered().bytes_max.exchange(0);
  submit("known");
  submit("new");
  commit();
  base::remembered().bytes_max = limit;
  EXPECT_THAT(snapshot_.series, SizeIs(1));
  EXPECT_THAT(snapshot_.dropped, ElementsAre(Pair("process_bytes", 1)));
  EXPECT_THAT(snapshot_.warnings, ElementsAre(testing::HasSubstr("(limits.process_bytes_max)")));
}

TEST_F(LimitsTest, WhatIsRememberedIsCountedAndForgotten) {
  const std::size_t before = base::remembered().bytes.load();
  for (int run = 0; run < 3; ++run) {
    for (int i = 0; i < 100; ++i) {
      submit(std::to_string(run) + "_" + std::to_string(i) + std::string(900, 'x'));
    }
    commit();
  }
  EXPECT_GT(base::remembered().bytes.load(), before + 2 * 100 * 900U);
  for (int run = 0; run < 3; ++run) {
    commit();
  }
  snapshot_ = {};
  EXPECT_LT(base::remembered().bytes.load(), before + 1000);
  EXPECT_LT(aggregator_.bytes(), 1000U);
}

TEST_F(LimitsTest, AnAbandonedRunLeavesWhatWasRemembered) {
  submit("c", {}, MetricType::monotonic_counter);
  commit();
  submit("c", {}, MetricType::monotonic_counter);
  submit("new");
  aggregator_.abandon(snapshot_);
  EXPECT_THAT(snapshot_.series, IsEmpty());
  submit("c", {}, MetricType::monotonic_counter);
  commit();
  ASSERT_THAT(snapshot_.series, SizeIs(1));
  EXPECT_EQ(snapshot_.series[0].value, Number::of(0));  // the increase since the run before
}

}  // namespace
}  // namespace heapwatch::metrics
