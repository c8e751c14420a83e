// Real checks on the real CPython.
#include "check/python/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/process_usage.h"
#include "check/schedule/instance_runner.h"
#include "fixture.h"

namespace heapwatch::check::python {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(PythonHost, SubmitsEveryKindOfMetricServiceCheckEventAndWarning) {
  const auto loaded = load("every_kind");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->version, "1.2.3");
  const auto report = loaded->check->run(sink_);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(
      sink_.lines,
      ElementsAre("gauge demo.g 1 #a:1 #b:2 on h", "gauge raw.g 2.5", "rate demo.r 3",
                  "count demo.c 4", "monotonic_counter demo.m 5 flushed first", "counter demo.i 1",
                  "counter demo.i -1", "histogram demo.h 6", "historate demo.hr 7",
                  "service check demo.up 1 #a:1 slow", "event t|x|12|||info|| #e:1"));
  EXPECT_THAT(report->warnings,
              ElementsAre("Metric: 'bad' has non float value: 'many'. Only float values can be "
                          "submitted as metrics.",
                          "1 of 2"));
  EXPECT_GT(memtrack_stats().allocations, 0U);
}

TEST_F(PythonHost, TypesTheScalarsOfAConfigurationAsYamlDoes) {
  EXPECT_THAT(
      warnings_of(
          "configured",
          "{a: 1, b: 1.5, c: yes, d: 'yes', e: ~, f: 2026-01-31, g: [x, -0x1F], h: {i: 010},"
          " j: 1e3, k: -.inf, l: 1_000, m: 1.5e+2, n: 0b11, o: 18446744073709551616, p: '',"
          " q: ., r: 1.2.3, s: +7, t: _1, u: off}",
          "x: y"),
      ElementsAre("('configured', 'configured:1', {'x': 'y'}, {'a': 1, 'b': 1.5, 'c': True, 'd': "
                  "'yes', 'e': None, 'f': '2026-01-31', 'g': ['x', -31], 'h': {'i': 8}, 'j': "
                  "'1e3', 'k': -inf, 'l': 1000, 'm': 150.0, 'n': 3, 'o': 18446744073709551616, "
                  "'p': '', 'q': '.', 'r': '1.2.3', 's': 7, 't': '_1', 'u': False})"));
}

TEST_F(PythonHost, RefusesConfigurationsThatAreNoMaps) {
  EXPECT_EQ(load_error("configured", "{}", "[1]"), "error 'init_config' is not a dict");
  EXPECT_EQ(load_error("configured", "[1]"), "error instance is not a dict");
}

TEST_F(PythonHost, AggregatorChecksItsArguments) {
  const std::vector<std::string> results = warnings_of("evaluate", R"yaml(calls:
- "[getattr(aggregator, n) for n in 'GAUGE RATE COUNT MONOTONIC_COUNT COUNTER HISTOGRAM HISTORATE'.split()]"
- "aggregator.submit_metric(self, id, 0, 'n', 1, 7, '')"
- "aggregator.submit_metric(self, id, 0, 'n', 1)"
- "aggregator.submit_metric(self, id, 99, 'n', 1, [], '')"
- "aggregator.submit_metric(self, 'other:1', 0, 'n', 1, ['a'], '')"
- "aggregator.submit_metric(self, id, 0, 'n', 1, ['b', 1, 'a', None, chr(0xd800), b'c'], '', True)"
- "aggregator.submit_metric(self, id, 0, 's', 1, 'xy', '')"
- "aggregator.submit_service_check(self, id, 'n', 0, None, '', '')"
- "aggregator.submit_service_check(self, id, 'n', 3, [], 'h', 'm')"
- "aggregator.submit_event(self, id, [])"
- "aggregator.submit_event(self, id, {'tags': 1})"
- "aggregator.submit_event(self, id, {'msg_title': 1, 'timestamp': 'x', 'host': 'h', 'priority': 'low', 'aggregation_key': 'k', 'source_type_name': 's'})"
- "aggregator.submit_histogram_bucket(self, id, 'n', 1, 0.0, 1.0, 1, '', 5)"
- "aggregator.submit_histogram_bucket(self, id, 'n', 1, 0.0, 1.0, 1, '', ['a'], True)"
- "aggregator.submit_event_platform_event(self, id, b'raw', 'dbm')"
)yaml");
  EXPECT_THAT(results,
              ElementsAre("[0, 1, 2, 3, 4, 5, 6]", "TypeError: tags must be a sequence",
                          "TypeError: function takes at least 7 arguments (5 given)", "None",
                          "None", "None", "None", "TypeError: tags must be a sequence", "None",
                          "TypeError: event must be a dict", "TypeError: tags must be a sequence",
                          "None", "TypeError: tags must be a sequence", "None", "None"));
  // Contexts sort their tags.
  EXPECT_THAT(sink_.lines, ElementsAre("gauge n 1 #a #b #c flushed first", "gauge s 1 #x #y",
                                       "service check n 3 on h m", "event ||now|h|low||k|s"));
}

TEST_F(PythonHost, FindsTheProgramsOfTheInterpreterAndNotOfThePath) {
  EXPECT_THAT(warnings_of("evaluate", "calls: [sys.executable, sys.prefix]"),
              ElementsAre("'/usr/bin/python3'", "'/usr'"));
}

TEST_F(PythonHost, FallsBackToTheOldConstructor) {
  EXPECT_THAT(warnings_of("old_style"), ElementsAre("old"));
}

TEST_F(PythonHost, TakesTheClassThatNothingIsDerivedFrom) {
  EXPECT_THAT(warnings_of("family"), ElementsAre("child"));
  EXPECT_EQ(load("family")->version, "unversioned");
}

TEST_F(PythonHost, SaysWhyACheckDoesNotLoad) {
  EXPECT_EQ(load_error("nowhere"), "unable to import module 'nowhere': No module named 'nowhere'");
  EXPECT_EQ(load_error("no_class"),
            "unable to find a subclass of the base check in module 'no_class': cannot find a "
            "subclass");
  EXPECT_THAT(load_error("bad_syntax"),
              StartsWith("unable to import module 'bad_syntax': invalid syntax (bad_syntax.py"));
  const std::string failed = load_error("bad_import");
  EXPECT_THAT(failed, StartsWith("unable to import module 'bad_import': Traceback (most recent "
                                 "call last):\n"));
  EXPECT_THAT(failed, HasSubstr("ValueError: at import\n"));
  const std::string refused = load_error("no_constructor");
  EXPECT_THAT(refused, StartsWith("could not invoke 'no_constructor' python check constructor. New "
                                  "constructor API returned:\n"));
  EXPECT_THAT(refused, HasSubstr("unexpected keyword argument 'name'"));
  EXPECT_THAT(refused, HasSubstr("Deprecated constructor API returned:\n"));
}

TEST_F(PythonHost, AFailedRunReturnsItsErrorAndKeepsWhatItSubmitted) {
  EXPECT_THAT(warnings_of("fails"),
              ElementsAre(StartsWith("no \"luck\"\nTraceback (most recent call last):\n")));
  EXPECT_THAT(sink_.lines, ElementsAre("gauge before 1"));
}

TEST_F(PythonHost, SystemExitEndsTheRunAndNotTheProcess) {
  EXPECT_THAT(warnings_of("exits"),
              ElementsAre(testing::AllOf(StartsWith("error invoking 'run' method: Traceback"),
                                         HasSubstr("SystemExit: 3"))));
}

TEST_F(PythonHost, AnEndlessLoopHoldsUpNoOtherCheck) {
  const auto stuck = load("stuck");
  ASSERT_TRUE(stuck) << stuck.error().message;
  Recorder stuck_sink;
  std::thread runner([&] { EXPECT_TRUE(stuck->check->run(stuck_sink)); });
  stuck_sink.submitted.get_future().wait();
  EXPECT_THAT(warnings_of("family"), ElementsAre("child"));
  EXPECT_THAT(warnings_of("unsticks"), ElementsAre());
  runner.join();
}

TEST_F(PythonHost, RunsChecksOnSeveralThreads) {
  std::vector<std::thread> runners;
  runners.reserve(4);
  for (int i = 0; i < 4; ++i) {
    runners.emplace_back([i] {
      const config::Value empty = yaml("{}");
      const auto loaded = host().load({.name = "fails",
                                       .id = "fails:" + std::to_string(i),
                                       .init_config = empty,
                                       .instance = empty});
      ASSERT_TRUE(loaded) << loaded.error().message;
      Recorder sink;
      for (int run = 0; run < 25; ++run) {
        EXPECT_FALSE(loaded->check->run(sink));
      }
      EXPECT_EQ(sink.lines, std::vector<std::string>(25, "gauge before 1"));
    });
  }
  for (std::thread& runner : runners) {
    runner.join();
  }
}

TEST_F(PythonHost, TenThousandRunsLeaveNoMemoryBehind) {
  auto loaded = load("soak", "tags: [a:b]");
  ASSERT_TRUE(loaded) << loaded.error().message;
  auto configured = std::make_unique<ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{"soak", "1", "soak:1", "file:conf.yaml", ""});
  configured->check = std::move(loaded->check);
  schedule::InstanceRunner runner(std::move(configured), schedule::RunnerOptions{});
  const auto blocks_after = [&](int runs) {
    double blocks = 0;
    for (int i = 0; i < runs; ++i) {
      const metrics::Snapshot& snapshot = runner.run();
      EXPECT_EQ(snapshot.error, std::nullopt);
      blocks = snapshot.series.at(0).value->to_double();
      (void)agent_log().take();
    }
    return blocks;
  };
  const double blocks = blocks_after(1'000);
  const MemoryUse python = host().report().memory;
  const auto process = base::process_usage();
  EXPECT_LE(blocks_after(9'000), blocks + 100);  // one more in a hundred runs would be 90
  EXPECT_LE(host().report().memory.inuse_bytes, python.inuse_bytes + (1U << 20U));  // an arena
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  constexpr std::uint64_t slack = std::uint64_t{512} * 1024;  // of the C library's own pools
  EXPECT_LE(base::process_usage().malloc_inuse_bytes, process.malloc_inuse_bytes + slack);
  EXPECT_LE(base::process_usage().resident_bytes, process.resident_bytes + 4 * slack);
#else
  EXPECT_GT(process.resident_bytes, 0U);
#endif
}

TEST(LoadHost, SaysWhenThereIsNoModule) {
  const auto loaded = load_host("/nowhere/heapwatch_python.so", {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message,
            "cannot load Python: /nowhere/heapwatch_python.so: cannot open shared object file: No "
            "such file or directory");
}

}  // namespace
}  // namespace heapwatch::check::python
