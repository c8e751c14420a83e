// What a collector does with pages that are too much for it, or wrong: limits, collisions, faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page_collector_fixture.h"

namespace heapwatch::check::go_expvar {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(PageCollector, StopsAtTheLimitAndSaysWhere) {
  CollectorOptions with = options({entry("a/.*"), entry("b")});
  with.max_returned_metrics = 2;
  const auto run = collect(with, R"({"a":{"w":1,"x":2,"y":3,"z":4},"b":5})");
  EXPECT_THAT(run.lines, ElementsAre("p.a.w gauge 1", "p.a.x gauge 2"));
  EXPECT_THAT(run.report.dropped, ElementsAre(Pair("limit", 3)));
  EXPECT_THAT(run.report.warnings,
              Contains("max_returned_metrics is 2, and 5 metrics were found: those from path a/y "
                       "on are held back; raise the limit or narrow the paths"));
}

TEST(PageCollector, CountsTheTwinButNoPausesTowardsTheLimit) {
  CollectorOptions with = options({});
  with.max_returned_metrics = 8;
  const auto lines = all_lines(with, memstats_page);
  EXPECT_EQ(lines.size(), 9U);  // the twin of the eighth goes out with it
  EXPECT_EQ(lines.back(), "p.memstats.total_alloc.count monotonic_counter 2");
}

TEST(PageCollector, SubmitsNothingWithALimitOfZero) {
  CollectorOptions with = options({entry("a")});
  with.max_returned_metrics = 0;
  const auto run = collect(with, R"({"a":1})");
  EXPECT_THAT(run.lines, IsEmpty());
  EXPECT_THAT(run.report.dropped, ElementsAre(Pair("limit", 1)));
}

TEST(PageCollector, CountsWhatMetricPatternsDropTowardsTheLimit) {
  CollectorOptions with = options({entry("a"), entry("b"), entry("c")});
  with.max_returned_metrics = 2;
  with.allows = [](std::string_view name) { return name != "p.a"; };
  const auto run = collect(with, R"({"a":1,"b":2,"c":3})");
  EXPECT_THAT(run.lines, ElementsAre("p.b gauge 2"));
  EXPECT_THAT(run.report.dropped,
              UnorderedElementsAre(Pair("limit", 1), Pair("metric_patterns", 1)));
}

TEST(PageCollector, LetsTheFirstOfTwoVariablesWithOneNameCount) {
  PageCollector collector(options({entry("n.*"), entry("404"), entry("200")}));
  for (int run = 0; run < 2; ++run) {
    const auto collected = collect(collector, page(R"("nAb":1,"n_ab":2,"404":3,"200":4)"));
    EXPECT_THAT(collected.lines, ElementsAre("p.n_ab gauge 1", "p. gauge 3"));
    EXPECT_THAT(collected.report.dropped, ElementsAre(Pair("collision", 2)));
    EXPECT_THAT(collected.report.warnings,
                ElementsAre("paths nAb and n_ab both become p.n_ab; the first counts, give the "
                            "other an alias",
                            "paths 404 and 200 both become p.; the first counts, give the other an "
                            "alias"));
  }
}

TEST(PageCollector, NamesTwoEntriesThatTakeTheSameVariable) {
  const auto run =
      collect(options({entry("a/.*"), entry("a/x", MetricType::rate)}), page(R"("a":{"x":1})"));
  EXPECT_THAT(run.lines, ElementsAre("p.a.x gauge 1"));
  EXPECT_THAT(run.report.warnings,
              ElementsAre("path a/x is taken as p.a.x by two entries, \"a/.*\" and \"a/x\"; the "
                          "first counts, give the other an alias"));
}

TEST(PageCollector, TellsSeriesWithDifferentTagsApart) {
  MetricEntry first = entry("a");
  first.tags = {"x:1"};
  EXPECT_THAT(collect(options({first, entry("a")}), page(R"("a":1)")).lines,
              ElementsAre("p.a gauge 1 x:1", "p.a gauge 1"));
}

TEST(PageCollector, LimitsEverythingToo) {
  CollectorOptions with = options({});
  with.everything = Everything{};
  with.max_returned_metrics = 2;
  const auto run = collect(with, R"({"a":1,"b":2,"c":3,"d":4,"e":5})");
  EXPECT_THAT(run.lines, ElementsAre("p.a gauge 1", "p.b gauge 2"));
  EXPECT_THAT(run.report.dropped, ElementsAre(Pair("limit", 3)));
}

TEST(SeriesCache, ForgetsVariablesThatAreGone) {
  const auto plan = shared_page_plan({.metrics = {entry(".*")}, .max_returned_metrics = 9});
  const base::Interned<metrics::TagsAndHost> tags_and_host(metrics::TagsAndHost({}, std::nullopt));
  const std::function<bool(std::string_view)> allows = [](std::string_view) { return true; };
  const SeriesOwner owner{.plan = *plan, .tags_and_host = tags_and_host, .allows = allows};
  SeriesCache::Buffers buffers;
  SeriesCache cache;
  std::string path;
  expvar::KeyPath::append(path, "x");
  {
    SeriesCache::Run run(cache, owner, buffers);
    EXPECT_EQ(run.take(0, expvar::KeyPath(path)).value().variable.metric_name()->name(), "x");
  }
  EXPECT_EQ(cache.size(), 1U);
  { const SeriesCache::Run run(cache, owner, buffers); }
  EXPECT_EQ(cache.size(), 0U);
}

TEST(PageCollector, TellsOfAValueThatIsNoNumberOnceUntilItIsLongGone) {
  PageCollector collector(options({entry("a.*")}));
  const auto told = [&](std::string_view members) {
    testing::internal::CaptureStderr();
    collect(collector, page(members));
    const std::string log = testing::internal::GetCapturedStderr();
    return log.find("path ab is text, which is no number") != std::string::npos;
  };
  EXPECT_TRUE(told(R"("ab":"x")"));
  EXPECT_FALSE(told(R"("ab":"x")"));
  EXPECT_FALSE(told(R"("a":1)"));
  EXPECT_FALSE(told(R"("ab":"x")"));
  for (int run = 0; run < 24; ++run) {
    EXPECT_FALSE(told(R"("a":1)"));
  }
  EXPECT_TRUE(told(R"("ab":"x")"));
}

std::string refusal(CollectorOptions with, std::string_view text) {
  PageCollector collector(std::move(with));
  RecordingSink sink;
  if (const auto condenser = collector.condenser()) {
    std::string kept;
    condenser->begin();
    condenser->take(text, kept);
    const bool taken =
        !condenser->gave_up() && collector.collect_condensed(kept, text.size(), sink).has_value();
    EXPECT_EQ(taken, collector.collect(text, sink).has_value()) << text;
  }
  const auto report = collector.collect(text, sink);
  return report ? "" : report.error().message;
}

TEST(PageCollector, APageThatIsNoObjectIsAFailedRun) {
  const std::string rest =
      ", not an object as a page of expvars is, and no path of the instance enters it";
  const auto user = [] { return options({entry("a/b")}); };
  EXPECT_EQ(refusal(user(), R"( "ok")"), "the page is text" + rest);
  EXPECT_EQ(refusal(user(), "-7"), "the page is a number" + rest);
  EXPECT_EQ(refusal(user(), "true"), "the page is a boolean" + rest);
  EXPECT_EQ(refusal(user(), "null"), "the page is null" + rest);
  EXPECT_EQ(refusal(user(), R"([{"a":{"b":1}}])"), "the page is an array" + rest);
  EXPECT_EQ(refusal(user(), "[]"), "the page is an array" + rest);
  EXPECT_EQ(refusal(user(), "{}"), "");
}

TEST(PageCollector, UnlessAPathEntersIt) {
  EXPECT_EQ(refusal(options({entry("0/a")}), R"([{"a":1}])"), "");
  EXPECT_EQ(refusal(options({entry("1/a")}), R"([{"a":1},{"a":2}])"), "");
  EXPECT_EQ(refusal(options({entry(".*/a")}), "[]"), "");
  CollectorOptions all = options({});
  all.everything = Everything{};
  EXPECT_EQ(refusal(std::move(all), "[1]"), "");
}

TEST(PageCollector, KeysAndPathsThatAreTooLongAreLeftOutAndCounted) {
  CollectorOptions with = options({entry("m/.*"), entry("l/.*/x")});
  with.everything.emplace();
  const std::string longest(1024, 'k');
  const std::string too_long(1025, 't');
  std::string deep = "1";
  for (int i = 0; i < 5; ++i) {
    deep = "{\"" + std::string(1000, static_cast<char>('a' + i)) + "\":" + deep + "}";
  }
  const Collected result =
      collect(with, page("\"m\":{\"" + longest + "\":1,\"" + too_long + "\":2},\"l\":{\"" +
                         too_long + "\":{\"x\":3,\"y\":4}},\"deep\":" + deep + ",\"" + too_long +
                         "\":\"text\",\"last\":5"));
  EXPECT_THAT(result.lines, ElementsAre("p.m." + longest + " gauge 1", "p.last gauge 5"));
  EXPECT_THAT(result.report.dropped, UnorderedElementsAre(Pair("long_key", 4)));
  EXPECT_THAT(result.report.warnings,
              Contains("4 members of the page are left out: a key has at most 1024 bytes, a path "
                       "4096; the first is \"" +
                       std::string(64, 't') + "... (1025 bytes)\""));
}

TEST(PageCollector, KeysThatNoPathLooksAtMayBeLong) {
  const Collected result = collect(
      options({entry("a/b")}), page("\"" + std::string(100'000, 'x') + "\":{\"y\":1},\"a\":{\"" +
                                    std::string(5000, 'z') + "\":1,\"b\":2}"));
  EXPECT_THAT(result.lines, ElementsAre("p.a.b gauge 2"));
  EXPECT_THAT(result.report.dropped, IsEmpty());
}

TEST(PageCollector, WarningsQuoteTheBeginningOfKeys) {
  const std::string key(1000, 'k');
  const Collected result = collect(options({entry("a/.*"), entry("a/missing")}),
                                   page("\"a\":{\"" + key + "\":1,\"" + key + "_\":2}"));
  for (const std::string& warning : result.report.warnings) {
    EXPECT_LT(warning.size(), 1000U) << warning;
  }
  EXPECT_THAT(result.report.dropped, UnorderedElementsAre(Pair("collision", 1)));
}

TEST(PageCollector, AProcessThatRemembersEnoughTakesNoNewVariable) {
  PageCollector collector(options({entry("a/.*")}));
  EXPECT_THAT(collect(collector, page(R"("a":{"x":1})")).lines, ElementsAre("p.a.x gauge 1"));
  const std::size_t limit = base::remembered().bytes_max.exchange(0);
  const Collected full = collect(collector, page(R"("a":{"x":1,"y":2})"));
  base::remembered().bytes_max = limit;
  EXPECT_THAT(full.lines, ElementsAre("p.a.x gauge 1"));
  EXPECT_THAT(full.report.dropped, UnorderedElementsAre(Pair("process_bytes", 1)));
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
