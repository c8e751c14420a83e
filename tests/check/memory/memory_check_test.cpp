#include "check/memory/memory_check.h"

#include <gmock/gmock.h>

#include "../recording_sink.h"
#include "made_machine.h"

namespace heapwatch::check::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;
using Status = metrics::ServiceCheckStatus;

class Run : public testing::Test {
 protected:
  Run() {
    config.choice = {.kind = ChoiceKind::process_name, .text = "a", .port = 0, .pattern = nullptr};
    config.target = "process a";
    config.tags = {"env:test"};
    config.allows = [](std::string_view) { return true; };
  }
  void SetUp() override { machine->budget().lift(); }
  /// One more run, fifteen seconds after the last one.
  void run() {
    if (check) {
      machine->pass(seconds(15));
    } else {
      check = std::make_unique<MemoryCheck>(config, machine);
    }
    machine->looks.clear();
    sink = std::make_unique<RecordingSink>();
    outcome = check->run(*sink);
  }
  void runs(int count) {
    for (int i = 0; i < count; ++i) {
      run();
    }
  }
  const std::vector<std::string>& lines() const { return sink->lines; }
  const metrics::ServiceCheck& can_read() const { return sink->service_checks.back(); }

  MemoryConfig config;
  std::shared_ptr<MadeMachine> machine = std::make_shared<MadeMachine>();
  std::unique_ptr<MemoryCheck> check;
  std::unique_ptr<RecordingSink> sink;
  base::Result<RunReport> outcome;
};

TEST_F(Run, SubmitsTheWholePictureOfAProcess) {
  machine->add(7, "a", "0::/system.slice/a.service\n");
  machine->groups_are({.path = "/system.slice/a.service",
                       .limit_bytes = 1000,
                       .current_bytes = 500,
                       .working_set_bytes = 400});
  run();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->warnings, IsEmpty());
  const std::string tags = " env:test target:process a";
  const std::string all = " env:test process_name:a systemd_unit:a.service";
  const auto row = [](const std::string& owner, const std::string& space,
                      const std::string& state) {
    return " env:test owner:" + owner + " process_name:a space:" + space +
           (state.empty() ? "" : " state:" + state) + " systemd_unit:a.service";
  };
  EXPECT_THAT(lines(),
              UnorderedElementsAre(
                  "process.memory.processes gauge 1" + all, "process.memory.rss gauge 100" + all,
                  "process.memory.swap gauge 5" + all, "process.memory.threads gauge 2" + all,
                  "process.memory.pss gauge 50" + all, "process.memory.unexplained gauge 10" + all,
                  "process.memory.uncertainty gauge 1" + all,
                  "process.memory.resident gauge 60" + row("glibc", "native", "live"),
                  "process.memory.resident gauge 30" + row("glibc", "native", "held"),
                  "process.memory.resident gauge 10" + row("unknown", "unexplained", "mapped"),
                  "process.memory.live_blocks gauge 5" + row("glibc", "native", ""),
                  "process.memory.cgroup.usage gauge 500" + all,
                  "process.memory.cgroup.working_set gauge 400" + all,
                  "process.memory.cgroup.limit gauge 1000" + all,
                  "process.memory.walk.cpu gauge 0.001" + tags,
                  "process.memory.walk.interval gauge 60" + tags, "process.memory.can_read",
                  "process.memory.leak.verdict gauge 4" + all,
                  "process.memory.leak.rate gauge 0 env:test process_name:a space:native "
                  "systemd_unit:a.service",
                  "process.memory.leak"));
  EXPECT_EQ(can_read().status, Status::ok);
  EXPECT_THAT(can_read().tags, ElementsAre("env:test"));
  EXPECT_EQ(machine->groups_root, "/sys/fs/cgroup");
}

TEST_F(Run, ProcessesWithTheSameTagsAreOne) {
  machine->add(7, "a");
  machine->add(8, "a");
  machine->add(9, "b");
  config.choice.kind = ChoiceKind::pid_file;
  config.choice = {.kind = ChoiceKind::process_name, .text = "a", .port = 0, .pattern = nullptr};
  run();
  EXPECT_THAT(lines(), IsSupersetOf({"process.memory.processes gauge 2 env:test process_name:a",
                                     "process.memory.rss gauge 200 env:test process_name:a",
                                     "process.memory.pss gauge 100 env:test process_name:a",
                                     "process.memory.resident gauge 120 env:test owner:glibc "
                                     "process_name:a space:native state:live"}));
}

TEST_F(Run, AGroupCountsOnceHoweverManyOfItsProcessesAreWatched) {
  machine->add(7, "a", "0::/g\n");
  machine->add(8, "a", "0::/g\n");
  machine->groups_are({.path = "/g", .current_bytes = 500, .working_set_bytes = 400});
  run();
  EXPECT_THAT(lines(), Contains("process.memory.cgroup.usage gauge 500 env:test process_name:a"));
  EXPECT_THAT(lines(), Not(Contains(HasSubstr("cgroup.limit"))));  // it has none
}

TEST_F(Run, TheNameOfTheInstanceStandsForThatOfEachProcess) {
  config.name = "shop";
  machine->add(7, "a");
  run();
  EXPECT_THAT(lines(), Contains("process.memory.rss gauge 100 env:test process_name:shop"));
}

TEST_F(Run, LooksEveryMinuteAndRepeatsWhatItSawInBetween) {
  machine->add(7, "a");
  run();
  EXPECT_THAT(machine->looks, ElementsAre(7));
  machine->at(7).facts.vm_rss = 300;
  machine->at(7).survey.rows[0].bytes = 240;
  for (int i = 0; i < 3; ++i) {
    run();
    EXPECT_THAT(machine->looks, IsEmpty());
    EXPECT_THAT(lines(), IsSupersetOf({"process.memory.rss gauge 300 env:test process_name:a",
                                       "process.memory.resident gauge 60 env:test owner:glibc "
                                       "process_name:a space:native state:live"}));
  }
  run();
  EXPECT_THAT(machine->looks, ElementsAre(7));
  EXPECT_THAT(lines(), Contains("process.memory.resident gauge 260 env:test owner:glibc "
                                "process_name:a space:native state:live"));
}

TEST_F(Run, ANewProcessUnderAnOldPidIsLookedAtAtOnce) {
  machine->add(7, "a");
  run();
  machine->at(7).facts.start_ticks = 2;
  run();
  EXPECT_THAT(machine->looks, ElementsAre(7));
}

/// Runs of an agent, which spreads its looks.
class RunWithinABudget : public Run {
 protected:
  void SetUp() override {}
};

TEST_F(RunWithinABudget, FirstLooksAreSpreadAndTheCountersAreThereFromTheFirstRunOn) {
  for (int pid = 1; pid <= 10; ++pid) {
    machine->add(pid, "a");
  }
  machine->look_costs = milliseconds(100);  // ten seconds each at 1 % of a core
  run();
  EXPECT_THAT(machine->looks, ElementsAre(1));
  EXPECT_THAT(lines(),
              IsSupersetOf({"process.memory.rss gauge 1000 env:test process_name:a",
                            "process.memory.resident gauge 900 env:test owner:not looked at yet "
                            "process_name:a space:other state:mapped"}));
  run();
  EXPECT_THAT(machine->looks, ElementsAre(2));
  run();
  EXPECT_THAT(machine->looks, ElementsAre(3, 4));
}

TEST_F(RunWithinABudget, AnInstanceThatIsGoneHoldsNobodyUp) {
  machine->add(7, "a");
  machine->add(8, "b");
  run();
  machine->budget().spend(milliseconds(100));
  {
    MemoryConfig other = config;
    other.choice.text = "b";
    MemoryCheck gone(other, machine);
    RecordingSink ignored;
    ASSERT_TRUE(gone.run(ignored));
    EXPECT_THAT(machine->looks, ElementsAre(7));  // it was held back
  }
  machine->at(7).facts.start_ticks = 2;
  run();
  EXPECT_THAT(machine->looks, ElementsAre(7));
}

TEST_F(RunWithinABudget, OverTheBudgetLooksComeMoreSeldomAndThatIsSaidOnce) {
  for (int pid = 1; pid <= 4; ++pid) {
    machine->add(pid, "a");
  }
  machine->look_costs = milliseconds(600);  // 2.4 s for all four: 240 s at 1 % of a core
  std::vector<std::string> said;
  std::map<int, int> looks;
  constexpr int count = 4 * 60;  // an hour
  for (int i = 0; i < count; ++i) {
    run();
    ASSERT_TRUE(outcome);
    said.insert(said.end(), outcome->warnings.begin(), outcome->warnings.end());
    for (const int pid : machine->looks) {
      ++looks[pid];
    }
  }
  EXPECT_LE(std::chrono::duration<double>(machine->budget().spent()).count(), 0.01 * 3600 + 1.2);
  EXPECT_GE(std::chrono::duration<double>(machine->budget().spent()).count(), 0.01 * 3600 * 0.8);
  ASSERT_EQ(looks.size(), 4U);
  for (const auto& [pid, times] : looks) {
    EXPECT_NEAR(times, 15, 2) << pid;
  }
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], testing::MatchesRegex(
                           "looks at the memory of 4 processes take [0-9.]+ ms of CPU, and the "
                           "budget is 1 % of a core: they come every [0-9]+ s, not every 60 s; the "
                           "options cpu_budget and walk_interval say otherwise"));
  EXPECT_THAT(lines(),
              Contains(testing::MatchesRegex(
                  "process.memory.walk.interval gauge 2[0-9]+ env:test target:process a")));
}

TEST_F(RunWithinABudget, AllInstancesShareTheBudget) {
  machine->add(7, "a");
  machine->budget().spend(seconds(0));
  run();
  machine->budget().spend(seconds(10));  // by another instance
  runs(20);
  EXPECT_THAT(machine->looks, IsEmpty());
  EXPECT_THAT(lines(),
              Contains("process.memory.walk.interval gauge 300 env:test target:process a"));
  runs(60);
  EXPECT_THAT(lines(), Contains("process.memory.walk.interval gauge 60 env:test target:process a"));
}

TEST_F(Run, WhatNobodyHasLookedAtYetIsNotUnexplained) {
  machine->add(7, "a");
  machine->add(8, "a");
  machine->look_takes = config.timeout;  // the first look takes all the time that a run has
  run();
  EXPECT_THAT(machine->looks, ElementsAre(7));
  EXPECT_THAT(lines(),
              IsSupersetOf({"process.memory.unexplained gauge 10 env:test process_name:a",
                            "process.memory.resident gauge 100 env:test owner:not looked at yet "
                            "process_name:a space:other state:mapped"}));
  EXPECT_THAT(lines(), Not(Contains(HasSubstr("process.memory.pss"))));
  run();
  EXPECT_THAT(machine->looks, ElementsAre(8));
}

TEST_F(Run, AProcessThatEndsIsAWarningAndTheOthersGoOn) {
  machine->add(7, "a");
  machine->add(8, "a").unseen = {base::ErrorKind::not_found, "process 8 has ended"};
  run();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->warnings, ElementsAre("process 8 (a) has ended while it was looked at"));
  EXPECT_THAT(lines(), Contains("process.memory.processes gauge 1 env:test process_name:a"));
}

TEST_F(Run, AProcessThatMayNotBeReadIsAWarningWithWhatToDo) {
  machine->add(7, "a");
  machine->add(8, "a").survey.missing = {
      {"its mappings", "it runs as user 0, not as ours", "sudo heapwatch memory 8"}};
  run();
  ASSERT_TRUE(outcome);
  const std::string what =
      "process 8 (a): its mappings cannot be read: it runs as user 0, not as ours; run heapwatch "
      "as root";
  EXPECT_THAT(outcome->warnings, ElementsAre(what));
  EXPECT_EQ(can_read().status, Status::warning);
  EXPECT_EQ(can_read().message, what);
  EXPECT_THAT(lines(), Contains("process.memory.processes gauge 2 env:test process_name:a"));
}

TEST_F(Run, ALookThatIsNotInTimeSaysWhichOptionGivesMore) {
  machine->add(7, "a").survey.missing = {
      {heapwatch::memory::not_in_time, "the look took all of its time", ""}};
  run();
  EXPECT_THAT(outcome->warnings,
              ElementsAre("process 7 (a): the rest of its memory: the look took all of its time; "
                          "give the option timeout more seconds"));
}

TEST_F(Run, FailsWhenThereIsNoProcess) {
  run();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "no process is named \"a\"");
  EXPECT_THAT(lines(), ElementsAre("process.memory.processes gauge 0 env:test target:process a",
                                   "process.memory.can_read"));
  EXPECT_EQ(can_read().status, Status::critical);
  EXPECT_EQ(can_read().message, "no process is named \"a\"");
}

TEST_F(Run, NoProgramUnderExecIsNoFault) {
  config.choice.kind = ChoiceKind::exec;
  run();
  ASSERT_TRUE(outcome);
  EXPECT_THAT(lines(), Contains("process.memory.processes gauge 0 env:test target:process a"));
  EXPECT_EQ(can_read().status, Status::ok);
}

TEST_F(Run, OfTooManyProcessesTheFirstAreWatchedAndThatIsSaid) {
  config.processes_max = 2;
  for (int pid = 1; pid <= 5; ++pid) {
    machine->add(pid, "a");
  }
  run();
  EXPECT_THAT(lines(), Contains("process.memory.processes gauge 2 env:test process_name:a"));
  EXPECT_THAT(outcome->warnings,
              ElementsAre("process a is 5 processes, and the 2 largest are watched; the option "
                          "max_processes says how many may be"));
}

TEST_F(Run, WarningsHaveALimit) {
  for (int pid = 1; pid <= 30; ++pid) {
    machine->add(pid, "a").survey.missing = {{"its memory", "Yama forbids it", ""}};
  }
  run();
  EXPECT_EQ(outcome->warnings.size(), 10U);
}

TEST_F(Run, OwnersAndTypesHaveALimitAndTheSumStays) {
  auto& survey = machine->add(7, "a").survey;
  survey.rows.clear();
  for (int i = 0; i < 500; ++i) {
    survey.rows.push_back({.space = heapwatch::memory::Space::other,
                           .owner = "owner" + std::to_string(i),
                           .bytes = 3});
    survey.types.push_back({heapwatch::memory::Space::native, "type" + std::to_string(i), 1, 8});
  }
  config.types = true;
  run();
  EXPECT_TRUE(machine->types_wanted);
  std::size_t rows = 0;
  std::size_t types = 0;
  for (const std::string& line : lines()) {
    rows += line.starts_with("process.memory.resident ") ? 1 : 0;
    types += line.starts_with("process.memory.type.objects ") ? 1 : 0;
  }
  EXPECT_EQ(rows, rows_max);
  EXPECT_EQ(types, types_max);
  EXPECT_THAT(lines(), Contains("process.memory.resident gauge 1203 env:test owner:smaller owners "
                                "process_name:a space:other state:mapped"));
  EXPECT_THAT(lines(), Contains("process.memory.type.bytes gauge 8 env:test process_name:a "
                                "space:native type:type0"));
}

TEST_F(Run, AGoProgramThatCannotBeWalkedTellsItsOwnCounters) {
  config.choice = {.kind = ChoiceKind::port, .text = {}, .port = 80, .pattern = nullptr};
  config.page = net::HttpRequest{.url = "http://localhost/debug/vars"};
  machine->add(7, "a").ports = {80};
  machine->served = R"({"memstats": {"HeapAlloc": 4, "HeapInuse": 6, "HeapIdle": 0,
    "HeapReleased": 0, "HeapObjects": 3, "StackInuse": 1, "MSpanInuse": 0, "MCacheInuse": 0,
    "BuckHashSys": 0, "GCSys": 0, "OtherSys": 0}})";
  run();
  const std::string of_go = " env:test owner:go process_name:a space:go";
  EXPECT_THAT(lines(), IsSupersetOf({"process.memory.resident gauge 5" + of_go + " state:live",
                                     "process.memory.resident gauge 2" + of_go + " state:held",
                                     "process.memory.live_blocks gauge 3" + of_go,
                                     std::string("process.memory.unexplained gauge 3 env:test "
                                                 "process_name:a")}));
  EXPECT_THAT(outcome->warnings, IsEmpty());
}

TEST_F(Run, CountersThatCannotBeHadAreAWarningAndNobodyAsksForThemWithoutNeed) {
  config.choice = {.kind = ChoiceKind::port, .text = {}, .port = 80, .pattern = nullptr};
  config.page = net::HttpRequest{.url = "http://localhost/debug/vars"};
  machine->add(7, "a").ports = {80};
  run();
  EXPECT_THAT(outcome->warnings,
              ElementsAre("process 7 (a): its expvars cannot be read: nothing serves"));
  machine->at(7).survey.allocators.push_back({.name = "go", .walked = true, .goroutines = 12});
  machine->pages_asked = 0;
  runs(4);
  EXPECT_THAT(machine->looks, ElementsAre(7));
  EXPECT_EQ(machine->pages_asked, 0);
  EXPECT_THAT(lines(), Contains("process.memory.goroutines gauge 12 env:test process_name:a"));
  EXPECT_THAT(outcome->warnings, IsEmpty());
}

TEST_F(Run, ObjectsAreCountedBySpaceHoweverManyTypesThereAre) {
  using heapwatch::memory::Space;
  config.types = true;
  machine->add(7, "a").survey.types = {
      {Space::python, "dict", 4, 100}, {Space::python, "str", 3, 30}, {Space::native, "A", 2, 16}};
  run();
  EXPECT_THAT(
      lines(),
      IsSupersetOf({"process.memory.objects gauge 7 env:test process_name:a space:python",
                    "process.memory.objects gauge 2 env:test process_name:a space:native"}));
}

TEST_F(Run, APortIsLookedUpAgainWhenItsProcessHasEnded) {
  config.choice = {.kind = ChoiceKind::port, .text = {}, .port = 80, .pattern = nullptr};
  config.target = "port 80";
  machine->add(7, "a").ports = {80};
  run();
  machine->at(7).ports.clear();
  run();  // found before, and it still runs
  EXPECT_THAT(lines(), Contains("process.memory.rss gauge 100 env:test process_name:a"));
  machine->end(7);
  machine->add(8, "b").ports = {80};
  run();
  EXPECT_THAT(lines(), Contains("process.memory.rss gauge 100 env:test process_name:b"));
}

TEST_F(Run, NamesThatAreNotWantedAreLeftOut) {
  config.allows = [](std::string_view name) { return name == "process.memory.rss"; };
  machine->add(7, "a");
  run();
  EXPECT_THAT(lines(), ElementsAre("process.memory.rss gauge 100 env:test process_name:a",
                                   "process.memory.leak", "process.memory.can_read"));
}

}  // namespace
}  // namespace heapwatch::check::memory
