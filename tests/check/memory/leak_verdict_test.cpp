// What the check tells of leaks: metrics, a service check, events, and what the pages show.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "../recording_sink.h"
#include "check/memory/memory_check.h"
#include "made_machine.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::check::memory {
namespace {

using heapwatch::memory::Space;
using heapwatch::memory::State;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using Status = metrics::ServiceCheckStatus;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

/// Keeps service checks and events, too.
class Sink final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& sample) override { lines.submit(sample); }
  void submit(const metrics::ServiceCheck& check) override { checks.push_back(check); }
  void submit(const metrics::Event& event) override { events.push_back(event); }

  RecordingSink lines;
  std::vector<metrics::ServiceCheck> checks;
  std::vector<metrics::Event> events;
};

class LeakVerdict : public ::testing::Test {
 protected:
  LeakVerdict() {
    config.choice = {.kind = ChoiceKind::process_name, .text = "a", .port = 0, .pattern = nullptr};
    config.target = "process a";
    config.tags = {"env:test"};
    config.allows = [](std::string_view) { return true; };
    machine->budget().lift();
  }
  void process(int pid, std::uint64_t live) {
    auto& made = machine->add(pid, "a");
    set_live(made, live);
  }
  static void set_live(MadeMachine::Made& made, std::uint64_t live) {
    made.facts.vm_rss = made.survey.rss = live + 4 * mebibyte;
    made.survey.rows = {
        {.space = Space::native,
         .owner = "glibc",
         .state = State::live,
         .detail = "arenas",
         .bytes = live,
         .blocks = live / 3024},
        {.space = Space::native, .owner = "glibc", .state = State::held, .bytes = 4 * mebibyte}};
  }
  /// Runs for so many minutes, one each; a process grows by so much in each, and has some noise.
  void minutes(int count, int pid = 7, std::uint64_t growth = 0) {
    for (int i = 0; i < count; ++i) {
      machine->pass(seconds(60));
      auto& made = machine->at(pid);
      const std::uint64_t live = made.survey.rows.front().bytes + growth;
      set_live(made, i % 2 == 0 ? live + 4096 : live - 4096);
      if (!check) {
        check = std::make_unique<MemoryCheck>(config, machine);
      }
      sink.lines.lines.clear();
      sink.checks.clear();
      const auto outcome = check->run(sink);
      ASSERT_TRUE(outcome);
      report = *outcome;
    }
  }
  const metrics::ServiceCheck& told() const {
    for (const auto& one : sink.checks) {
      if (one.name == "process.memory.leak") {
        return one;
      }
    }
    throw std::logic_error("no service check process.memory.leak");
  }
  std::vector<std::string> metrics_of_leaks() const {
    std::vector<std::string> found;
    for (const std::string& line : sink.lines.lines) {
      if (line.starts_with("process.memory.leak.")) {
        found.push_back(line);
      }
    }
    return found;
  }

  MemoryConfig config;
  std::shared_ptr<MadeMachine> machine = std::make_shared<MadeMachine>();
  std::unique_ptr<MemoryCheck> check;
  Sink sink;
  RunReport report;
};

TEST_F(LeakVerdict, IsUnknownAtFirstAndSaysWhy) {
  process(7, 100 * mebibyte);
  minutes(1);
  EXPECT_THAT(metrics_of_leaks(),
              ElementsAre("process.memory.leak.verdict gauge 4 env:test process_name:a",
                          "process.memory.leak.rate gauge 0 env:test process_name:a space:native"));
  EXPECT_EQ(told().status, Status::unknown);
  EXPECT_EQ(told().message, "process 7 (a): cannot tell yet: too few looks so far");
  EXPECT_THAT(told().tags, ElementsAre("env:test", "process_name:a"));
  EXPECT_THAT(sink.events, IsEmpty());
}

TEST_F(LeakVerdict, OfWhatDoesNotGrowIsOkWithoutAnEvent) {
  process(7, 100 * mebibyte);
  minutes(60);
  EXPECT_EQ(told().status, Status::ok);
  EXPECT_EQ(told().message, "process 7 (a): no leak: steady");
  EXPECT_THAT(metrics_of_leaks(),
              Contains("process.memory.leak.verdict gauge 0 env:test process_name:a"));
  EXPECT_THAT(sink.events, IsEmpty());
}

TEST_F(LeakVerdict, OfALeakHasItsRateASentenceAndOneEvent) {
  process(7, 100 * mebibyte);
  minutes(30);
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(metrics_of_leaks(),
              Contains("process.memory.leak.verdict gauge 5 env:test process_name:a"));
  EXPECT_THAT(metrics_of_leaks(), Contains(StartsWith("process.memory.leak.rate gauge 3")));
  EXPECT_THAT(told().message, StartsWith("process 7 (a): leak in native memory: "));
  EXPECT_TRUE(told().status == Status::warning || told().status == Status::critical);
  ASSERT_EQ(sink.events.size(), 1U);
  const metrics::Event& event = sink.events.front();
  EXPECT_EQ(event.title, "a: leak in native memory");
  EXPECT_THAT(event.text, StartsWith("process 7 (a): leak in native memory: +"));
  EXPECT_THAT(event.text, HasSubstr("\nbefore: no leak: steady"));
  EXPECT_THAT(event.text, HasSubstr("\nnext: heapwatch "));
  EXPECT_THAT(event.tags, ElementsAre("env:test", "process_name:a"));
  EXPECT_EQ(event.priority, "normal");
  EXPECT_NE(event.alert_type, "success");
}

TEST_F(LeakVerdict, NamesThePlaceWhereTheStacksAreKnown) {
  using heapwatch::memory::native::NativeHeap;
  process(7, 100 * mebibyte);
  machine->sources = [this] {
    const auto minute = static_cast<std::int64_t>(machine->placed.size()) * 2;
    NativeHeap heap;
    heap.now = std::chrono::minutes(minute);
    heap.frames = {{.name = "keep", .file = "/srv/orders.py", .line = 41, .first_line = 40}};
    NativeHeap::Record record{.stack = {heapwatch::memory::native::interpreted_bit},
                              .component = "",
                              .process = "",
                              .size = 3024};
    record.allocated = record.inuse = 1000 * minute;
    record.births = {{std::chrono::minutes(1), record.inuse}};
    heap.records = {record};
    return PlaceSources{.native = heap, .go_heap = "", .goroutines = ""};
  };
  minutes(30);
  EXPECT_THAT(machine->placed, IsEmpty());
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(machine->placed, ElementsAre(std::pair(7, false), std::pair(7, false)));
  EXPECT_THAT(told().message,
              StartsWith("process 7 (a): leak in native memory: keep (orders.py:41), "));
  ASSERT_EQ(sink.events.size(), 1U);
  EXPECT_THAT(sink.events.front().text, HasSubstr("keep (orders.py:41)"));
}

TEST_F(LeakVerdict, IsTakenBackByOneMoreEventWhenTheLeakEnds) {
  process(7, 100 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  ASSERT_EQ(sink.events.size(), 1U);
  minutes(60);
  ASSERT_EQ(sink.events.size(), 2U);
  EXPECT_EQ(sink.events.back().alert_type, "success");
  EXPECT_EQ(told().status, Status::ok);
  EXPECT_THAT(metrics_of_leaks(),
              Contains("process.memory.leak.rate gauge 0 env:test process_name:a space:native"));
}

TEST_F(LeakVerdict, BeginsAnewWithAProcessThatIsStartedAgainUnderItsPid) {
  process(7, 100 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(told().message, HasSubstr("leak in"));
  machine->at(7).facts.start_ticks = 2;
  set_live(machine->at(7), 50 * mebibyte);
  minutes(1);
  EXPECT_EQ(told().message, "process 7 (a): cannot tell yet: too few looks so far");
  EXPECT_EQ(sink.events.size(), 1U);
}

TEST_F(LeakVerdict, OfProcessesWithTheSameTagsTheWorstCounts) {
  process(6, 50 * mebibyte);
  process(7, 100 * mebibyte);
  process(8, 50 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(metrics_of_leaks(),
              Contains("process.memory.leak.verdict gauge 5 env:test process_name:a"));
  EXPECT_THAT(told().message, StartsWith("process 7 (a): leak in native memory"));
  EXPECT_EQ(sink.checks.size(), 2U);  // can_read, too
}

TEST_F(LeakVerdict, IsShownForEachProcessUntilItsInstanceGoes) {
  process(6, 50 * mebibyte);
  process(7, 100 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  const auto shown = machine->board().all();
  ASSERT_EQ(shown.size(), 2U);
  EXPECT_EQ(shown[0].pid, 6);
  EXPECT_EQ(shown[0].sentence, "no leak: steady");
  EXPECT_EQ(shown[1].verdict, leak::Verdict::leak);
  EXPECT_EQ(shown[1].target, "process a");
  EXPECT_GT(shown[1].for_time, seconds(300));
  check.reset();
  EXPECT_THAT(machine->board().all(), IsEmpty());
}

TEST_F(LeakVerdict, OfAProcessThatMayNotBeReadSaysSo) {
  process(7, 100 * mebibyte);
  machine->at(7).survey.missing = {{"its memory", "Yama forbids it", ""}};
  minutes(30);
  EXPECT_EQ(told().status, Status::unknown);
  EXPECT_THAT(told().message, StartsWith("process 7 (a): cannot tell: its memory cannot be read"));
}

TEST_F(LeakVerdict, IsNotMadeWhereItIsNotWanted) {
  config.leak_windows.clear();
  process(7, 100 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(metrics_of_leaks(), IsEmpty());
  EXPECT_THAT(sink.events, IsEmpty());
  EXPECT_EQ(sink.checks.size(), 1U);
  EXPECT_THAT(machine->counted, IsEmpty());
}

/// A folder that is gone at the end.
class KeptProfiles : public LeakVerdict {
 protected:
  KeptProfiles() { config.profiles.path = folder + "/profiles"; }
  std::vector<std::string> reasons() const {
    std::vector<std::string> found;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(config.profiles.path, none)) {
      const std::string name = entry.path().filename();
      found.push_back(name.substr(name.find("Z-") + 2));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  heapwatch::tests::TemporaryFolder kept;
  std::string folder = kept.path();
};

TEST_F(KeptProfiles, ComeWithAChangeOfTheVerdictAndNotBefore) {
  process(7, 100 * mebibyte);
  minutes(30);
  EXPECT_THAT(reasons(), IsEmpty());
  minutes(30, 7, 2 * mebibyte);
  EXPECT_THAT(reasons(), ElementsAre("a-7-leak.native.pb.gz"));
  minutes(60);
  EXPECT_GE(reasons().size(), 2U);
}

TEST_F(KeptProfiles, ComeOnceBeforeTheLimitOfAContainerOfItsLargestProcess) {
  Cgroup group{.path = "/g", .limit_bytes = 1000, .working_set_bytes = 700};
  machine->groups_are(group);
  machine->add(6, "b", "0::/g\n");
  machine->add(7, "a", "0::/g\n");
  config.choice = {.kind = ChoiceKind::cgroup, .text = "/g", .port = 0, .pattern = nullptr};
  set_live(machine->at(6), 50 * mebibyte);
  set_live(machine->at(7), 100 * mebibyte);
  minutes(3);
  EXPECT_THAT(reasons(), IsEmpty());
  group.working_set_bytes = 800;
  machine->groups_are(group);
  minutes(3);
  EXPECT_THAT(reasons(), ElementsAre("a-7-near-limit.native.pb.gz"));
  group.working_set_bytes = 750;  // near it still
  machine->groups_are(group);
  minutes(1);
  group.working_set_bytes = 900;
  machine->groups_are(group);
  minutes(1);
  EXPECT_THAT(reasons().size(), 1U);
  group.working_set_bytes = 600;
  machine->groups_are(group);
  minutes(1);
  group.working_set_bytes = 900;
  machine->groups_are(group);
  minutes(1);
  EXPECT_THAT(reasons().size(), 2U);
}

TEST_F(KeptProfiles, AreAWarningWhereTheyCannotBeWrittenAndNothingElse) {
  config.profiles.path = folder + "/not there/profiles";
  process(7, 100 * mebibyte);
  minutes(30);
  std::vector<std::string> warnings;
  for (int i = 0; i < 30; ++i) {
    minutes(1, 7, 2 * mebibyte);
    warnings.insert(warnings.end(), report.warnings.begin(), report.warnings.end());
  }
  EXPECT_THAT(warnings, ElementsAre("a profile was not kept: " + folder +
                                    "/not there/profiles: No such file or directory"));
  EXPECT_THAT(told().message, HasSubstr("leak in native memory"));
}

TEST_F(KeptProfiles, AreNotTakenWhereTheyAreNotWanted) {
  config.profiles.path.clear();
  process(7, 100 * mebibyte);
  minutes(60, 7, 2 * mebibyte);
  EXPECT_THAT(machine->profiled, IsEmpty());
}

TEST_F(LeakVerdict, HasNoPidInAnyTag) {
  process(7, 100 * mebibyte);
  minutes(30, 7, 2 * mebibyte);
  for (const std::string& line : sink.lines.lines) {
    EXPECT_THAT(line, Not(HasSubstr("pid")));
  }
}

}  // namespace
}  // namespace heapwatch::check::memory
