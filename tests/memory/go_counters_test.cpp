#include "memory/go_counters.h"

#include <gtest/gtest.h>

namespace heapwatch::memory {
namespace {

constexpr const char* page = R"({"cmdline": ["a"], "memstats": {
  "HeapAlloc": 1000, "HeapInuse": 1500, "HeapIdle": 900, "HeapReleased": 400, "HeapObjects": 7,
  "StackInuse": 200, "MSpanInuse": 10, "MCacheInuse": 20, "BuckHashSys": 30, "GCSys": 40,
  "OtherSys": 50, "BySize": [{"Size": 8}]}})";

Survey unread(std::uint64_t unexplained) {
  Survey survey{.rss = unexplained + 100};
  survey.rows = {{.space = Space::files, .owner = "mapped files", .bytes = 100},
                 {.space = Space::unexplained, .bytes = unexplained}};
  survey.unexplained = {
      {.begin = 4096, .end = 8192, .bytes = unexplained, .protection = {}, .name = {}}};
  return survey;
}

std::uint64_t sum(const Survey& survey) {
  std::uint64_t bytes = 0;
  for (const Row& row : survey.rows) {
    bytes += row.bytes;
  }
  return bytes;
}

TEST(GoCounters, AreReadFromAPageOfExpvars) {
  const auto counters = parse_go_counters(page);
  ASSERT_TRUE(counters) << counters.error().message;
  EXPECT_EQ(*counters, (GoCounters{.heap_live = 1000,
                                   .heap_in_use = 1500,
                                   .heap_kept = 500,
                                   .objects = 7,
                                   .stacks = 200,
                                   .records = 150}));
}

TEST(GoCounters, AreReadFromAHeapProfileAsText) {
  const std::string text =
      "heap profile: 1: 2 [3: 4] @ heap/1048576\n1: 2 [3: 4] @ 0x1 0x2\n#\t0x1\tmain.f\n\n"
      "# runtime.MemStats\n# Alloc = 1000\n# HeapAlloc = 1000\n# HeapSys = 9000\n"
      "# HeapIdle = 900\n# HeapInuse = 1500\n# HeapReleased = 400\n# HeapObjects = 7\n"
      "# Stack = 200 / 4000\n# MSpan = 10 / 5000\n# MCache = 20 / 6000\n# BuckHashSys = 30\n"
      "# GCSys = 40\n# OtherSys = 50\n";
  const auto counters = parse_go_counters(text);
  ASSERT_TRUE(counters) << counters.error().message;
  EXPECT_EQ(*counters, *parse_go_counters(page));
  EXPECT_EQ(parse_go_counters("heap profile: 0: 0 [0: 0] @ heap/1048576\n").error().message,
            "it is a heap profile without the runtime's memstats");
  EXPECT_EQ(parse_go_counters(text.substr(0, text.find("# GCSys"))).error().message,
            "its memstats has no number of bytes for GCSys");
}

TEST(GoCounters, APageSaysWhoseItIs) {
  const std::string text = R"({"cmdline": ["./agent","-c","a b"], "memstats": {}})";
  EXPECT_TRUE(is_page_of(text, "./agent -c a b"));
  EXPECT_FALSE(is_page_of(text, "./agent -c a"));
  EXPECT_FALSE(is_page_of(text, ""));
  EXPECT_FALSE(is_page_of(R"({"cmdline": [3]})", "3"));
  EXPECT_FALSE(is_page_of(R"({"cmdline": ["a")", "a"));
  EXPECT_FALSE(is_page_of("<html>", "a"));
}

TEST(GoCounters, AGoProgramIsKnownByItsRowsOrByWhereItsHeapIs) {
  Survey survey = unread(500);
  EXPECT_FALSE(has_go(survey));
  survey.unexplained[0].begin = 0xc000000000;
  EXPECT_TRUE(has_go(survey));
  survey.unexplained.clear();
  survey.rows.push_back({.space = Space::go, .owner = "go", .bytes = 1});
  EXPECT_TRUE(has_go(survey));
}

TEST(GoCounters, OtherVariablesNeedNotBeJson) {
  const std::string text = std::string("{\n\"bad\": NaN: <nil>,\n") + (page + 1);
  const auto counters = parse_go_counters(text);
  ASSERT_TRUE(counters) << counters.error().message;
  EXPECT_EQ(counters->heap_live, 1000U);
}

TEST(GoCounters, APageThatIsNoneIsRefusedWithTheReason) {
  const std::string none = "it is no page of a Go program's expvars: it has no memstats";
  EXPECT_EQ(parse_go_counters("<html>").error().message, none);
  EXPECT_EQ(parse_go_counters("").error().message, none);
  EXPECT_EQ(parse_go_counters(R"({"memstats": 3})").error().message, none);
  EXPECT_EQ(parse_go_counters(R"({"a": "\"memstats\":{"})").error().message, none);
  EXPECT_EQ(parse_go_counters("{\"memstats\": " + std::string(1 << 20, '{')).error().message,
            "its memstats is not JSON");
  EXPECT_EQ(parse_go_counters(R"({"memstats": {"HeapAlloc": 1, "HeapInuse": -2}})").error().message,
            "its memstats has no number of bytes for HeapInuse");
  EXPECT_EQ(
      parse_go_counters(R"({"memstats": {"HeapAlloc": 18446744073709551615}})").error().message,
      "its memstats has no number of bytes for HeapAlloc");
}

TEST(GoCounters, SplitWhatCouldNotBeRead) {
  Survey survey = unread(10'000);
  add_go_counters(survey, *parse_go_counters(page));
  EXPECT_EQ(sum(survey), 10'100U);
  EXPECT_EQ(survey.bytes_of(Space::go), 1500U + 500 + 200 + 150);
  EXPECT_EQ(survey.bytes_of(Space::unexplained), 10'000U - 2350);
  EXPECT_EQ(survey.rows.front(), (Row{.space = Space::go,
                                      .owner = "go",
                                      .state = State::live,
                                      .detail = "heap",
                                      .bytes = 1000,
                                      .blocks = 7,
                                      .source = Source::counter,
                                      .note = "with garbage that was not swept yet"}));
  EXPECT_TRUE(survey.unexplained.empty());
  EXPECT_FALSE(is_go_walked(survey));
  ASSERT_EQ(survey.checks.size(), 1U);
  EXPECT_EQ(
      survey.checks[0],
      (Check{"expvar", true,
             "by the program's own counters 1.46 K of heap are in use, 1000 B of them live"}));
}

TEST(GoCounters, NeverSplitMoreThanThereIs) {
  Survey survey = unread(1100);
  add_go_counters(survey, *parse_go_counters(page));
  EXPECT_EQ(sum(survey), 1200U);
  EXPECT_EQ(survey.bytes_of(Space::go), 1100U);
  EXPECT_EQ(survey.bytes_of(Space::unexplained), 0U);
}

TEST(GoCounters, BesideAWalkTheyAreACheck) {
  Survey survey = unread(0);
  survey.allocators.push_back(
      {.name = "go", .in_use_bytes = 100'000'000, .free_bytes = 1, .walked = true});
  const auto before = survey.rows;
  add_go_counters(survey, {.heap_live = 90'000'000, .heap_in_use = 95'000'000});
  add_go_counters(survey, {.heap_live = 10'000'000, .heap_in_use = 15'000'000});
  EXPECT_EQ(survey.rows, before);
  ASSERT_EQ(survey.checks.size(), 2U);
  EXPECT_TRUE(survey.checks[0].ok);
  EXPECT_FALSE(survey.checks[1].ok);
  EXPECT_EQ(survey.checks[1].note,
            "by the program's own counters 14.3 M of heap are in use, 9.54 M of them live; walked: "
            "95.4 M and 95.4 M");
}

}  // namespace
}  // namespace heapwatch::memory
