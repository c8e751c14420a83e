#include "check/go_expvar/page_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page_collector_fixture.h"

namespace heapwatch::check::go_expvar {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

TEST(PageCollector, CollectsTheDefaultsInTheirOrder) {
  EXPECT_THAT(
      all_lines(options({}), memstats_page),
      ElementsAre("p.memstats.alloc gauge 1", "p.memstats.heap_alloc gauge 6",
                  "p.memstats.heap_sys gauge 7", "p.memstats.heap_idle gauge 8",
                  "p.memstats.heap_inuse gauge 9", "p.memstats.heap_released gauge 10",
                  "p.memstats.heap_objects gauge 11", "p.memstats.total_alloc gauge 2",
                  "p.memstats.total_alloc.count monotonic_counter 2", "p.memstats.lookups rate 3",
                  "p.memstats.mallocs rate 4", "p.memstats.frees rate 5",
                  "p.memstats.pause_total_ns rate 12", "p.memstats.num_gc rate 0"));
}

TEST(PageCollector, PutsTheUsersEntryInThePlaceOfADefault) {
  MetricEntry own = entry("memstats/Mallocs", MetricType::monotonic_counter);
  own.tags = {"a:b"};
  const auto lines = all_lines(options({own, named("memstats/Frees", "go.frees")}), memstats_page);
  EXPECT_THAT(lines, Contains("p.memstats.mallocs monotonic_counter 4 a:b"));
  EXPECT_THAT(lines, Not(Contains("p.memstats.mallocs rate 4")));
  EXPECT_THAT(lines, Contains("go.frees gauge 5 path:memstats.Frees"));
  EXPECT_THAT(lines, Not(Contains("p.memstats.frees rate 5")));
}

TEST(PageCollector, LetsAPatternOfTheUserTakeWhatADefaultTakes) {
  PageCollector collector(options({entry("memstats/.*Alloc")}));
  RecordingSink sink;
  const auto report = collector.collect(memstats_page, sink);
  EXPECT_THAT(sink.lines, Contains("p.memstats.total_alloc gauge 2").Times(1));
  EXPECT_THAT(report->warnings, IsEmpty());
}

TEST(PageCollector, KeepsADefaultBesideAPatternWithAnAlias) {
  const auto lines = all_lines(options({named("memstats/Heap(Sys|Idle)", "x")}), memstats_page);
  EXPECT_THAT(lines, Contains("p.memstats.heap_sys gauge 7"));
  EXPECT_THAT(lines, Contains("x gauge 7 path:memstats.HeapSys"));
}

TEST(PageCollector, AddsTheIncreaseOfWhateverIsNamedTotalAlloc) {
  EXPECT_THAT(collect(options({named("x", "own.memstats.total_alloc.y")}), page(R"("x":5)")).lines,
              ElementsAre("own.memstats.total_alloc.y gauge 5 path:x",
                          "own.memstats.total_alloc.y.count monotonic_counter 5 path:x"));
}

TEST(PageCollector, NamesTheRtloaderAsTheGuideDoes) {
  const std::string text = page(
      R"("rtloader":{"AllocatedBytes":1,"FreedBytes":2,"Allocations":3,"Frees":4,"InuseBytes":5,)"
      R"("UntrackedFrees":6,"OtherBytes":7})");
  CollectorOptions with = options({entry("rtloader/.*")});
  with.prefix = "datadog.agent";
  EXPECT_THAT(collect(with, text).lines,
              ElementsAre(testing::_, testing::_, testing::_, testing::_, testing::_, testing::_,
                          testing::_, testing::_, testing::_, testing::_, testing::_, testing::_,
                          testing::_, testing::_, "datadog.agent.rtloader.allocatedbytes gauge 1",
                          "datadog.agent.rtloader.freedbytes gauge 2",
                          "datadog.agent.rtloader.allocations gauge 3",
                          "datadog.agent.rtloader.frees gauge 4",
                          "datadog.agent.rtloader.inusebytes gauge 5",
                          "datadog.agent.rtloader.untrackedfrees gauge 6",
                          "datadog.agent.rtloader.other_bytes gauge 7"));
  with = options({entry("rtloader/AllocatedBytes")});
  with.naming = Naming::reference;
  EXPECT_THAT(collect(with, text).lines, ElementsAre("p.rtloader.allocated_bytes gauge 1"));
}

TEST(PageCollector, TakesAnAliasAsItStandsAndTagsThePath) {
  EXPECT_THAT(collect(options({named("A/.*", "My Name!")}), page(R"("A":{"bC":1,"d":2})")).lines,
              ElementsAre("My Name! gauge 1 path:A.bC", "My Name! gauge 2 path:A.d"));
  EXPECT_THAT(collect(options({named("A/bC", "")}), page(R"("A":{"bC":1})")).lines,
              ElementsAre("p.a.b_c gauge 1 path:A.bC"));
}

TEST(PageCollector, TagsWithTheEntrysAndTheInstancesTags) {
  MetricEntry own = entry("a");
  own.tags = {"z:1", "both"};
  CollectorOptions with = options({own, entry("b")});
  with.tags = {"service:s", "expvar_url:http://h/debug/vars", "both"};
  EXPECT_THAT(collect(with, page(R"("a":1,"b":2)")).lines,
              ElementsAre("p.a gauge 1 both expvar_url:http://h/debug/vars service:s z:1",
                          "p.b gauge 2 both expvar_url:http://h/debug/vars service:s"));
}

TEST(PageCollector, MakesTagsOfNamedGroups) {
  EXPECT_THAT(collect(options({named("routes/(?P<method>[A-Z]+) (?P<route>.*)/count", "hits")}),
                      page(R"("routes":{"GET /a/b":{"count":1},"PUT /c":{"count":2}})"))
                  .lines,
              ElementsAre("hits gauge 1 method:GET path:routes.GET /a/b.count route:/a/b",
                          "hits gauge 2 method:PUT path:routes.PUT /c.count route:/c"));
}

TEST(PageCollector, SaysWhichValuesAreTotals) {
  PageCollector collector(
      options({entry("a"), entry("b", MetricType::rate), entry("c", MetricType::count),
               entry("d", MetricType::counter), entry("e", MetricType::monotonic_counter)}));
  RecordingSink sink;
  ASSERT_TRUE(collector.collect(R"({"a":1,"b":1,"c":1,"d":1,"e":1})", sink));
  EXPECT_THAT(sink.totals, ElementsAre(false, true, true, true, true));
  EXPECT_EQ(sink.contexts.at(0).help(), "expvar path a");
}

TEST(PageCollector, KeepsTheContextOfASeries) {
  PageCollector collector(options({entry("a/.*")}));
  RecordingSink first;
  RecordingSink second;
  ASSERT_TRUE(collector.collect(R"({"a":{"x":1,"y":2}})", first));
  ASSERT_TRUE(collector.collect(R"({"a":{"y":3,"x":4}})", second));
  EXPECT_EQ(first.contexts.at(0), second.contexts.at(1));
  EXPECT_EQ(first.contexts.at(1), second.contexts.at(0));
}

TEST(PageCollector, DropsWhatIsNotFinite) {
  const auto run = collect(options({entry(".")}), page(R"("a":NaN,"b":"inf","c":1e400,"d":1)"));
  EXPECT_THAT(run.lines, ElementsAre("p.d gauge 1"));
  EXPECT_THAT(run.report.dropped, ElementsAre(Pair("not_finite", 3)));
}

TEST(PageCollector, CountsMembersThatAreNoJson) {
  const auto run = collect(options({entry(".")}), page(R"("a":+Inf,"b": ,"d":1)"));
  EXPECT_THAT(run.lines, ElementsAre("p.d gauge 1"));
  EXPECT_THAT(run.report.dropped, ElementsAre(Pair("invalid_json", 2)));
  EXPECT_THAT(run.report.warnings,
              ElementsAre("2 members of the page have values that JSON does not know and are left "
                          "out, the first at line 1, column 191"));
}

TEST(PageCollector, SubmitsBooleansAndNumericText) {
  EXPECT_THAT(collect(options({entry("v/.*")}),
                      page(R"("v":{"a":true,"b":false,"c":" 7 ","d":"x","e":null})"))
                  .lines,
              ElementsAre("p.v.a gauge 1", "p.v.b gauge 0", "p.v.c gauge 7"));
}

TEST(PageCollector, WarnsOfPathsWithoutAMatch) {
  const auto run = collect(options({entry("a/x"), entry("b")}), page(R"("a":{"xx":1},"b":2)"));
  EXPECT_THAT(run.lines, ElementsAre("p.b gauge 2"));
  EXPECT_THAT(run.report.warnings,
              ElementsAre("no results matching path a/x: \"a\" has no key matching \"x\"; did you "
                          "mean \"xx\"?"));
}

TEST(PageCollector, DoesWithoutMemstats) {
  const auto run = collect(options({entry("a")}), R"({"a":1})");
  EXPECT_THAT(run.lines, ElementsAre("p.a gauge 1"));
  EXPECT_THAT(run.report.warnings,
              ElementsAre("the page has no memstats: the default metrics are absent"));
  EXPECT_THAT(collect(options({}), R"({"memstats":null})").report.warnings,
              ElementsAre("memstats is null, not an object: the default metrics are absent"));
  EXPECT_THAT(collect(options({}), R"({"a":1})").report.warnings,
              ElementsAre("the page has no memstats: the default metrics are absent"));
}

TEST(PageCollector, NamesTheDefaultsThatAreNotThere) {
  const auto run = collect(options({entry("memstats/HeapSys")}),
                           R"({"memstats":{"Alloc":1,"TotalAlloc":2,"Mallocs":4,"Frees":5,)"
                           R"("HeapAlloc":6,"HeapIdle":8,"HeapInuse":9,"HeapReleased":10,)"
                           R"("HeapObjects":11,"PauseTotalNs":12}})");
  EXPECT_THAT(run.report.warnings,
              ElementsAre("memstats has no Lookups, NumGC: these default metrics are absent",
                          "no results matching path memstats/HeapSys: \"memstats\" has no key "
                          "matching \"HeapSys\""));
}

std::string gc_page(unsigned collections, std::size_t slots = 256) {
  std::string text = R"({"memstats":{"NumGC":)" + std::to_string(collections) + R"(,"PauseNs":[)";
  for (std::size_t i = 0; i < slots; ++i) {
    text += (i == 0 ? "" : ",") + std::to_string(1000 + i);
  }
  return text + "]}}";
}

std::vector<std::string> pauses(PageCollector& collector, const std::string& text) {
  RecordingSink sink;
  EXPECT_TRUE(collector.collect(text, sink));
  std::erase_if(sink.lines,
                [](const std::string& line) { return !line.starts_with("p.memstats.pause_ns"); });
  return sink.lines;
}

TEST(PageCollector, SubmitsTheNewPausesOfTheGarbageCollector) {
  CollectorOptions with = options({});
  with.tags = {"t:1"};
  PageCollector collector(with);
  EXPECT_THAT(pauses(collector, gc_page(2)), ElementsAre("p.memstats.pause_ns histogram 1000 t:1",
                                                         "p.memstats.pause_ns histogram 1001 t:1"));
  EXPECT_THAT(pauses(collector, gc_page(2)), IsEmpty());
  EXPECT_THAT(pauses(collector, gc_page(3)), ElementsAre("p.memstats.pause_ns histogram 1002 t:1"));
  EXPECT_EQ(pauses(collector, gc_page(700)).size(), 256U);
  EXPECT_EQ(pauses(collector, gc_page(5)).size(), 5U);
}

TEST(PageCollector, DoesWithoutPauses) {
  PageCollector collector(options({entry("memstats/NumGC")}));
  RecordingSink sink;
  const auto without = collector.collect(R"({"memstats":{"NumGC":3}})", sink);
  EXPECT_THAT(
      without->warnings,
      Contains("memstats has no PauseNs: pauses of the garbage collector are not reported"));
  EXPECT_THAT(sink.lines, ElementsAre("p.memstats.num_gc gauge 3"));
  EXPECT_THAT(collector.collect(gc_page(4, 100), sink)->warnings,
              Contains("memstats/PauseNs does not hold 256 numbers: pauses of the garbage "
                       "collector are not reported"));
  EXPECT_THAT(collector.collect(R"({"memstats":{"NumGC":4,"PauseNs":{"a":1}}})", sink)->warnings,
              Contains("memstats/PauseNs does not hold 256 numbers: pauses of the garbage "
                       "collector are not reported"));
}

TEST(PageCollector, CollectsEverythingOnRequest) {
  CollectorOptions with = options({entry("own", MetricType::rate)});
  with.everything = Everything{.include = {}, .exclude = {expvar::parse_path("secret").value()}};
  PageCollector collector(with);
  RecordingSink sink;
  ASSERT_TRUE(collector.collect(
      R"({"cmdline":["x"],"own":1,"other":{"a":2,"s":"text"},"secret":{"b":3},)"
      R"("memstats":{"NumGC":1,"HeapAlloc":4,"Other":5,"PauseEnd":[6],"BySize":[{"Size":7}]}})",
      sink));
  EXPECT_THAT(sink.lines,
              ElementsAre("p.memstats.heap_alloc gauge 4", "p.memstats.num_gc rate 1",
                          "p.own rate 1", "p.other.a gauge 2", "p.memstats.other gauge 5"));
}

TEST(PageCollector, FailsOnAPageThatIsNotJson) {
  PageCollector collector(options({}));
  RecordingSink sink;
  const auto report = collector.collect("<html>", sink);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().message, "page line 1, column 1: this is not a JSON value");
}

TEST(PageCollector, FollowsVariablesThatComeAndGoAndChangePlaces) {
  PageCollector collector(options({entry("a/.*"), named("b", "own")}));
  const auto lines = [&](std::string_view members) {
    return collect(collector, page(members)).lines;
  };
  const auto all =
      ElementsAre("p.a.x gauge 1", "p.a.y gauge 2", "p.a.z gauge 3", "own gauge 4 path:b");
  EXPECT_THAT(lines(R"("a":{"x":1,"y":2,"z":3},"b":4)"), all);
  EXPECT_THAT(lines(R"("a":{"x":1,"z":3},"b":4)"),
              ElementsAre("p.a.x gauge 1", "p.a.z gauge 3", "own gauge 4 path:b"));
  EXPECT_THAT(lines(R"("a":{"x":1,"y":2,"z":3},"b":4)"), all);
  EXPECT_THAT(lines(R"("a":{"x":1,"y":2,"z":3},"b":4)"), all);
  EXPECT_THAT(lines(R"("a":{"z":3,"new":5,"y":2,"x":1})"),
              ElementsAre("p.a.z gauge 3", "p.a.new gauge 5", "p.a.y gauge 2", "p.a.x gauge 1"));
  EXPECT_THAT(lines(R"("a":{"z":3})"), ElementsAre("p.a.z gauge 3"));
  EXPECT_THAT(lines(R"("a":{})"), IsEmpty());
  EXPECT_THAT(lines(R"("a":{"x":1,"y":2,"z":3},"b":4)"), all);
}

TEST(PageCollector, SeesACollisionThatComesLaterAndItsEnd) {
  PageCollector collector(options({entry("n.*")}));
  const auto run = [&](std::string_view members) { return collect(collector, page(members)); };
  EXPECT_THAT(run(R"("nAb":1,"nc":2)").lines, ElementsAre("p.n_ab gauge 1", "p.nc gauge 2"));
  const auto collided = run(R"("nAb":1,"nc":2,"n_ab":3)");
  EXPECT_THAT(collided.lines, ElementsAre("p.n_ab gauge 1", "p.nc gauge 2"));
  EXPECT_THAT(collided.report.dropped, ElementsAre(Pair("collision", 1)));
  const auto last = run(R"("n_ab":3,"nc":2)");
  EXPECT_THAT(last.lines, ElementsAre("p.n_ab gauge 3", "p.nc gauge 2"));
  EXPECT_THAT(last.report.dropped, IsEmpty());
}

TEST(PageCollector, InstancesOfOnePlanKeepWhatIsTheirOwn) {
  std::vector<PageCollector> collectors;
  for (const char* const tag : {"i:1", "i:2"}) {
    CollectorOptions with = options({entry("a"), named("b", "own")});
    with.tags = {tag};
    with.allows = [own = std::string_view(tag) == "i:1"](std::string_view name) {
      return own || name != "p.a";
    };
    collectors.emplace_back(std::move(with));
  }
  for (int run = 0; run < 3; ++run) {
    EXPECT_THAT(collect(collectors[0], page(R"("a":1,"b":2)")).lines,
                ElementsAre("p.a gauge 1 i:1", "own gauge 2 i:1 path:b"));
    EXPECT_THAT(collect(collectors[1], page(R"("a":3,"b":4)")).lines,
                ElementsAre("own gauge 4 i:2 path:b"));
  }
}

TEST(PageCollector, EndsTheNameOfASecondTypeAsTheEntrySays) {
  MetricEntry rate = entry("a", MetricType::rate);
  rate.suffix = ".rate";
  EXPECT_THAT(collect(options({entry("a"), rate}), page(R"("a":1)")).lines,
              ElementsAre("p.a gauge 1", "p.a.rate rate 1"));
}

TEST(PageCollector, CountsFromZeroOnlyAfterTheFirstRun) {
  MetricEntry counter = entry("a", MetricType::monotonic_counter);
  counter.flush_first_value = true;
  CollectorOptions with = options({counter, entry("b", MetricType::monotonic_counter)});
  with.memstats = false;
  PageCollector collector(std::move(with));
  RecordingSink sink;
  ASSERT_TRUE(collector.collect(R"({"a":1,"b":1})", sink));
  ASSERT_TRUE(collector.collect(R"({"a":1,"b":1})", sink));
  EXPECT_THAT(sink.from_zero, ElementsAre(false, false, true, false));
}

TEST(PageCollector, SaysThatThereIsNoHost) {
  CollectorOptions with = options({entry("a")});
  with.host = "";
  PageCollector collector(std::move(with));
  RecordingSink sink;
  ASSERT_TRUE(collector.collect(page(R"("a":1)"), sink));
  for (const auto& context : sink.contexts) {
    EXPECT_EQ(context.host(), "");
  }
}

TEST(PageCollector, LeavesWhatBecameATagOutOfTheName) {
  const std::string text = page(R"("routes":{"/a":{"n":1},"/b":{"n":2}},"shard_7":{"n":3},"x":4)");
  EXPECT_THAT(collect(options({entry("routes/(?P<route>.*)/n")}), text).lines,
              ElementsAre("p.routes.n gauge 1 route:/a", "p.routes.n gauge 2 route:/b"));
  EXPECT_THAT(collect(options({entry(R"(shard_(?P<shard>\d+)/n)")}), text).lines,
              ElementsAre("p.shard.n gauge 3 shard:7"));
  EXPECT_THAT(collect(options({entry("(?P<name>x)")}), text).lines,
              ElementsAre("p.x gauge 4 name:x"))
      << "a name has to be left";
}

/// The error of a run, whole and condensed; empty when it is none.

}  // namespace
}  // namespace heapwatch::check::go_expvar
