#include "pprof/legacy/legacy.h"

#include <gmock/gmock.h>

#include <string>

#include "pprof/make_report.h"
#include "pprof/parse.h"

namespace heapwatch::pprof {
namespace {

std::string report(const std::string& input, ReportKind kind) {
  auto profile = parse_profile(input, {});
  if (!profile) {
    return profile.error().message;
  }
  ReportRequest request;
  request.kind = kind;
  const auto text = make_report(std::move(*profile), request, {.warn = [](const std::string&) {}});
  return text ? *text : text.error().message;
}

TEST(Legacy, ReadsGoHeapTextWithItsNamesAndMemStats) {
  const std::string text =
      "heap profile: 1: 1024 [2: 2048] @ heap/2\n"
      "1: 1024 [2: 2048] @ 0x11 0x21 0x31\n"
      "#\t0x10\tmain.leaf+0x1\t/src/main.go:5\n"
      "#\t0x20\tmain.main+0x2\t/src/main.go:9\n"
      "\n"
      "# runtime.MemStats\n"
      "# HeapAlloc = 77\n";
  EXPECT_EQ(report(text, ReportKind::traces),
            "Type: inuse_space\n"
            "-----------+-------------------------------------------------------\n"
            "     bytes:  1kB\n"
            "       1kB   main.leaf\n"
            "             main.main\n"
            "-----------+-------------------------------------------------------\n");
  EXPECT_EQ(report(text, ReportKind::comments), "# runtime.MemStats\n# HeapAlloc = 77\n");
}

TEST(Legacy, ReadsTheLabelsOfGoroutines) {
  const std::string text =
      "goroutine profile: total 3\n"
      "2 @ 0x11 0x21\n"
      "# labels: {\"tenant\":\"a\\tb \\\\ \\\"c\\\" \\u00fc\\x41\", \"key:1\":\"\"}\n"
      "#\t0x10\tmain.leaf+0x1\t/src/main.go:5\n"
      "#\t0x20\tmain.main+0x2\t/src/main.go:9\n"
      "\n"
      "1 @ 0x11 0x21\n"
      "# labels: {\"tenant\":\"cut\n"
      "#\t0x10\tmain.leaf+0x1\t/src/main.go:5\n";
  EXPECT_EQ(report(text, ReportKind::traces),
            "Type: goroutine\n"
            "-----------+-------------------------------------------------------\n"
            "     key:1:  \n"
            "    tenant:  a\\tb \\ \"c\" \u00fcA\n"
            "         2   main.leaf\n"
            "             main.main\n"
            "-----------+-------------------------------------------------------\n"
            "         1   main.leaf\n"
            "             main.main\n"
            "-----------+-------------------------------------------------------\n");
}

TEST(Legacy, ReadsThreadsThatTheProgramDidNotMake) {
  const std::string text =
      "threadcreate profile: total 7\n"
      "6 @ \n"
      "#\t0x0\n"
      "\n"
      "1 @ 0x11 0x21 0x31\n"
      "#\t0x10\truntime.allocm+0x1\t/go/proc.go:5\n"
      "#\t0x20\truntime.main+0x2\t/go/proc.go:9\n";
  EXPECT_EQ(report(text, ReportKind::raw),
            "PeriodType: threadcreate count\nPeriod: 1\nSamples:\nthreadcreate/count\n"
            "          6: \n"
            "          1: 1 2 \n"
            "Locations\n"
            "     1: 0x10 M=1 runtime.allocm /go/proc.go:5:0 s=0\n"
            "     2: 0x20 M=1 runtime.main /go/proc.go:9:0 s=0\n"
            "Mappings\n1: 0x0/0xffffffffffffffff/0x0   \n");
}

TEST(Legacy, GroupsAGoroutineDumpByStateCreatorAndStack) {
  const std::string text =
      "goroutine 1 [running]:\n"
      "main.main()\n\t/src/main.go:9 +0x1d\n\n"
      "goroutine 7 [chan receive, 5 minutes]:\n"
      "main.(*Worker).run(0xc0001, {0x1, 0x2})\n\t/src/worker.go:12 +0x2b\n"
      "created by main.start in goroutine 1\n\t/src/main.go:4 +0x44\n";
  EXPECT_EQ(report(text, ReportKind::traces),
            "Type: goroutine\n"
            "-----------+-------------------------------------------------------\n"
            "     state:  running\n"
            "         1   main.main\n"
            "-----------+-------------------------------------------------------\n"
            "     state:  chan receive\n"
            "created at:  /src/main.go:4\n"
            "created by:  main.start\n"
            "      wait:  300s\n"
            "         1   main.(*Worker).run\n"
            "-----------+-------------------------------------------------------\n");
}

TEST(Legacy, UnsamplesContentionsByPeriodAndClock) {
  EXPECT_EQ(report("--- contentionz 1 ---\ncycles/second = 2000000000\nsampling period = 10\n"
                   "100 3 @ 0x11 0x21\n",
                   ReportKind::raw),
            "PeriodType: contentions count\nPeriod: 10\nSamples:\n"
            "contentions/count delay/nanoseconds\n"
            "         30        500: 1 2 \n"
            "Locations\n     1: 0x10 M=1 \n     2: 0x20 M=1 \nMappings\n"
            "1: 0x0/0xffffffffffffffff/0x0   \n");
}

TEST(Legacy, ReadsAMemoryMapAfterThreads) {
  EXPECT_EQ(
      report("--- threadz 1 ---\n\n--- Thread 7f (name: a/1) stack: ---\n  0x401000 0x402000\n"
             "--- Thread 80 (name: b/2) stack: ---\n  same as previous thread\n"
             "--- Memory map: ---\n  400000-500000 r-xp 00000000 08:01 12 /bin/prog\n",
             ReportKind::raw),
      "PeriodType: thread count\nPeriod: 1\nSamples:\nthread/count\n"
      "          2: 1 2 \n"
      "Locations\n     1: 0x401000 M=1 \n     2: 0x401fff M=1 \nMappings\n"
      "1: 0x400000/0x500000/0x0 /bin/prog  \n");
}

TEST(Legacy, RefusesBytesWithoutACount) {
  EXPECT_EQ(report("heap profile: 0: 5 [0: 5] @ heapprofile\n0: 5 [0: 0] @ 0x1\n", ReportKind::raw),
            "parsing profile: inuse count was 0 but inuse bytes was 5");
}

TEST(Legacy, SaysWhenNoFormatFits) {
  EXPECT_THAT(report("nothing known", ReportKind::raw),
              testing::StartsWith("parsing profile: unrecognized profile format"));
}

TEST(Legacy, SaysWhatATraceIs) {
  EXPECT_EQ(report(std::string("go 1.24 trace\0\0\0", 16), ReportKind::raw),
            "parsing profile: unrecognized profile format: it is an execution trace of Go, which "
            "go tool trace reads");
}

// Two goroutines wait at one place, for different times; a third stands elsewhere.
constexpr const char* goroutines =
    "goroutine 1 [running]:\n"
    "main.main()\n\t/src/main.go:9 +0x1d\n\n"
    "goroutine 7 [chan receive, 5 minutes]:\n"
    "main.(*Worker).run(0xc0001, {0x1, 0x2})\n\t/src/worker.go:12 +0x2b\n"
    "created by main.start in goroutine 1\n\t/src/main.go:4 +0x44\n\n"
    "goroutine 8 [select, 12 minutes, locked to thread]:\n"
    "main.(*Worker).run(0xc0002, {0x1, 0x2})\n\t/src/worker.go:12 +0x2b\n"
    "created by main.start in goroutine 1\n\t/src/main.go:4 +0x44\n";

TEST(Goroutines, AreGroupedByStackWithStatesWaitsAndCreator) {
  EXPECT_EQ(report(goroutines, ReportKind::goroutines),
            "Type: goroutine\n"
            "3 goroutines in 2 groups\n"
            "-----------+-------------------------------------------------------\n"
            "         2   [chan receive (1), select (1), waiting for 300s to 720s]\n"
            "             main.(*Worker).run /src/worker.go:12\n"
            "             created by main.start /src/main.go:4\n"
            "-----------+-------------------------------------------------------\n"
            "         1   [running]\n"
            "             main.main /src/main.go:9\n"
            "-----------+-------------------------------------------------------\n");
}

TEST(Goroutines, AreGroupedAsJson) {
  auto profile = parse_profile(goroutines, {});
  ASSERT_TRUE(profile.has_value());
  ReportRequest request;
  request.kind = ReportKind::goroutines;
  request.encoding = Encoding::json;
  request.options.focus = "Worker";
  const auto text = make_report(std::move(*profile), request, {.warn = [](const std::string&) {}});
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(*text, R"({"goroutines":2,"groups":[{"count":2,"states":{"chan receive":1,"select":1},)"
                   R"("wait_min_seconds":300,"wait_max_seconds":720,"created_by":"main.start",)"
                   R"("created_at":"/src/main.go:4","labels":{},)"
                   R"("stack":["main.(*Worker).run /src/worker.go:12"]}]})"
                   "\n");
}

TEST(Goroutines, AreNotInAHeapProfile) {
  EXPECT_EQ(report("heap profile: 1: 8 [0: 0] @ heapprofile\n1: 8 [0: 0] @ 0x1\n",
                   ReportKind::goroutines),
            "the profile tells of no goroutines: its type is space");
}

}  // namespace
}  // namespace heapwatch::pprof
