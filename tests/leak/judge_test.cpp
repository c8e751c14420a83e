// Verdicts of simulated processes: what is said, and never "leak" without one.
#include "leak/judge.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <random>

#include "leak/report.h"

namespace heapwatch::leak {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr double mib = 1024.0 * 1024;

/// What a process is at a second.
struct Model {
  std::function<double(double)> native = [](double) { return 20 * mib; };
  std::function<double(double)> python = [](double) { return 0.0; };
  std::function<double(double)> held = [](double) { return 2 * mib; };
  std::function<double(double)> mapped = [](double) { return mib; };
  std::function<double(double)> reserved = [](double) { return 100 * mib; };
  std::function<double(double)> shared = [](double) { return 0.0; };
  std::function<double(double)> stacks = [](double) { return 0.1 * mib; };
  std::function<double(double)> threads = [](double) { return 4.0; };
  std::function<double(double)> descriptors = [](double) { return 10.0; };
  std::function<double(double)> connections = [](double) { return 0.0; };
  std::function<double(double)> cpu = [](double at) { return 0.1 * at; };
  std::function<GoState(double)> go = [](double) { return GoState{}; };
};

Watch watch_of(const Model& model, double seconds, double every = 2) {
  Watch watch{.pid = 7, .command = "app"};
  for (double at = 0; at <= seconds; at += every) {
    Look look{.at = at, .cpu_seconds = model.cpu(at), .threads = model.threads(at)};
    look.descriptors = model.descriptors(at);
    look.virtual_bytes = model.reserved(at);
    look.connections = model.connections(at);
    look.go = model.go(at);
    look.rows = {{"native", "glibc", "live", model.native(at)},
                 {"native", "glibc", "held", model.held(at)},
                 {"python", "pymalloc", "live", model.python(at)},
                 {"unexplained", "", "mapped", model.mapped(at)},
                 {"shared", "memfd", "mapped", model.shared(at)},
                 {"stacks", "threads", "mapped", model.stacks(at)},
                 {"files", "mapped files", "mapped", 5 * mib}};
    if (look.go.heap_live) {
      look.rows.push_back({"go", "go", "live", *look.go.heap_live});
    }
    for (const Amount& row : look.rows) {
      look.rss += row.bytes;
    }
    watch.looks.push_back(std::move(look));
  }
  return watch;
}

Finding verdict_of(const Model& model, double seconds = 180) {
  return judge(watch_of(model, seconds)).verdict();
}

std::function<double(double)> leaking(double base, double per_minute) {
  return [base, per_minute](double at) { return base + per_minute * at / 60; };
}

TEST(Judge, NamesTheSpaceThatLeaksWithItsRateAndItsShare) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  const Finding native = verdict_of(model);
  EXPECT_EQ(native.verdict, Verdict::leak);
  EXPECT_EQ(native.space, "native");
  EXPECT_EQ(native.confidence, Confidence::high);
  ASSERT_TRUE(native.rate);
  EXPECT_NEAR(native.rate->value * 60, 2 * mib, 1);
  ASSERT_TRUE(native.share);
  EXPECT_NEAR(*native.share, 1, 0.01);
  EXPECT_EQ(native.sentence,
            "leak in native memory: +2.0 MiB/min (2.0 MiB to 2.0 MiB), explains 100 % of RSS "
            "growth");

  model = {};
  model.python = leaking(20 * mib, 2 * mib);
  EXPECT_EQ(verdict_of(model).space, "python");
  model = {};
  model.mapped = leaking(mib, 2 * mib);
  model.reserved = leaking(100 * mib, 2 * mib);
  EXPECT_EQ(verdict_of(model).space, "mmap");
  model = {};
  model.threads = leaking(4, 30);
  model.stacks = leaking(0.1 * mib, 2 * mib);
  EXPECT_EQ(verdict_of(model).space, "stack");
  model = {};
  model.descriptors = leaking(10, 100);
  const Finding files = verdict_of(model);
  EXPECT_EQ(files.verdict, Verdict::leak);
  EXPECT_EQ(files.sentence, "leak in files and descriptors: +300 open descriptors, 100.0 a minute");
}

TEST(Judge, NamesAllLeaksTheLargestFirst) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  model.python = leaking(20 * mib, 6 * mib);
  const Judgement judgement = judge(watch_of(model, 180));
  ASSERT_GE(judgement.findings.size(), 2U);
  EXPECT_EQ(judgement.findings[0].space, "python");
  EXPECT_EQ(judgement.findings[1].space, "native");
  EXPECT_EQ(judgement.findings[1].verdict, Verdict::leak);
  EXPECT_NEAR(*judgement.findings[0].share + *judgement.findings[1].share, 1, 0.01);
  double sum = 0;
  for (const GrowthRow& row : judgement.growth) {
    sum += row.bytes;
  }
  EXPECT_NEAR(sum, judgement.rss_growth, 1);
}

TEST(Judge, SaysSteadyOfWhatDoesNotGrow) {
  EXPECT_EQ(verdict_of({}).verdict, Verdict::steady);
  EXPECT_EQ(verdict_of({}).sentence, "no leak: steady");
}

TEST(Judge, SaysFillingOfWhatSlowsDownOrHasStopped) {
  Model model;
  model.native = [](double at) { return 20 * mib + 40 * mib * (1 - std::exp(-at / 90)); };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::filling);
  model.native = [](double at) { return 20 * mib + mib * std::min(at, 80.0); };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::filling);
}

TEST(Judge, SaysRetentionOfFreeMemoryThatGrowsOrStands) {
  Model model;
  model.held = leaking(2 * mib, 4 * mib);
  const Finding growing = verdict_of(model);
  EXPECT_EQ(growing.verdict, Verdict::retention);
  EXPECT_THAT(growing.sentence, StartsWith("no leak: retention: glibc holds 14 MiB that is free"));
  model.held = [](double) { return 64 * mib; };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::retention);
}

TEST(Judge, SaysThatMemoryFollowsTheLoad) {
  Model model;
  model.native = leaking(20 * mib, 4 * mib);
  model.connections = leaking(20, 20);
  const Finding by_connections = verdict_of(model);
  EXPECT_EQ(by_connections.verdict, Verdict::load);
  EXPECT_THAT(by_connections.sentence, HasSubstr("open connections went from 30 to 70"));
  model.connections = [](double) { return 20.0; };
  model.cpu = [](double at) { return 0.1 * at + 0.001 * at * at; };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::load);
  model.cpu = [](double at) { return 0.1 * at; };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::leak);
}

TEST(Judge, DoubtsATrickleBesideGrowthThatMatters) {
  Model model;
  model.native = leaking(20 * mib, 0.4 * mib);
  model.python = [](double at) { return 20 * mib + 60 * mib * (1 - std::exp(-at / 60)); };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::filling);
}

TEST(Judge, CannotTellOfShortWindowsFewLooksAndJumps) {
  Model model;
  model.native = leaking(20 * mib, 60 * mib);
  EXPECT_EQ(verdict_of(model, 10).verdict, Verdict::cannot_tell);
  EXPECT_EQ(judge(watch_of(model, 180, 60)).verdict().verdict, Verdict::cannot_tell);
  model.native = [](double at) { return 20 * mib + (at > 100 ? 30 * mib : 0); };
  EXPECT_NE(verdict_of(model).verdict, Verdict::leak);
  EXPECT_EQ(judge({}).verdict().verdict, Verdict::cannot_tell);
}

TEST(Judge, CannotTellOfMemoryThatWasMappedBeforeAndIsTouched) {
  Model model;
  model.mapped = leaking(mib, 4 * mib);
  EXPECT_THAT(verdict_of(model).sentence,
              StartsWith("cannot tell yet in mappings: memory that was mapped before is touched"));
  model = {};
  model.shared = leaking(mib, 4 * mib);
  EXPECT_EQ(verdict_of(model).verdict, Verdict::cannot_tell);
}

/// A heap of Go: what is kept, and garbage that a collection takes every `period` seconds.
GoState go_state(double kept, double at, double period, bool has_next_gc) {
  GoState state{.collections = std::floor(at / period),
                .heap_live = kept + 10 * mib * std::fmod(at, period) / period};
  if (has_next_gc) {
    state.next_gc = 2 * kept;
  }
  return state;
}

TEST(Judge, FollowsWhatIsAliveAtTheEndOfCollections) {
  for (const bool has_next_gc : {false, true}) {
    Model model;
    model.go = [&](double at) { return go_state(20 * mib + mib * at / 30, at, 9, has_next_gc); };
    const Finding leak = verdict_of(model);
    EXPECT_EQ(leak.verdict, Verdict::leak);
    EXPECT_EQ(leak.space, "go");
    model.go = [&](double at) { return go_state(20 * mib, at, 9, has_next_gc); };
    EXPECT_EQ(verdict_of(model).verdict, Verdict::steady);
  }
}

TEST(Judge, CannotTellOfAGoHeapThatWasNotCollected) {
  Model model;
  model.go = [](double at) { return go_state(20 * mib, at, 400, true); };
  const Finding finding = verdict_of(model);
  EXPECT_EQ(finding.verdict, Verdict::cannot_tell);
  EXPECT_EQ(finding.space, "go");
  EXPECT_THAT(finding.sentence, HasSubstr("0 collections ended in 3 min"));
}

TEST(Judge, SaysSteadyOfGarbageThatIsCollectedBelowTheLeastHeapOfGo) {
  Model model;
  model.go = [](double at) {
    GoState state = go_state(mib, at, 1.3, false);
    state.next_gc = 4 * mib;  // Go collects no sooner
    return state;
  };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::steady);
}

TEST(Judge, FindsALeakThatBeginsBelowTheLeastHeapOfGo) {
  Model model;
  model.go = [](double at) {
    const double kept = mib + 2 * mib * at / 60;
    GoState state = go_state(kept, at, 9, false);
    state.next_gc = std::max(4 * mib, 2 * (mib + 2 * mib * std::floor(at / 9) * 9 / 60));
    return state;
  };
  EXPECT_EQ(verdict_of(model).verdict, Verdict::leak);
}

TEST(Judge, ByFewCollectionsFindsALeakThatOutlivesThem) {
  Model model;
  model.go = [](double at) {
    GoState state = go_state(20 * mib + 4 * mib * at / 60, at, 70, false);
    state.heap_live = 20 * mib + 4 * mib * at / 60;
    return state;
  };
  const Finding finding = verdict_of(model);
  EXPECT_EQ(finding.verdict, Verdict::leak);
  EXPECT_EQ(finding.confidence, Confidence::medium);
}

TEST(Judge, FindsGoroutinesThatAreLeft) {
  Model model;
  model.go = [](double at) {
    GoState state = go_state(20 * mib + 0.5 * mib * at / 60, at, 9, true);
    state.goroutines = 20 + 10 * at;
    return state;
  };
  const Judgement judgement = judge(watch_of(model, 180));
  EXPECT_EQ(judgement.verdict().verdict, Verdict::leak);
  EXPECT_EQ(judgement.verdict().space, "goroutine");
  EXPECT_EQ(judgement.findings.size(), 1U);  // what they hold is theirs
}

TEST(Judge, PutsTheSiteOfTheApplicationIntoTheSentence) {
  Model model;
  model.go = [](double at) { return go_state(20 * mib + mib * at / 30, at, 9, true); };
  Watch watch = watch_of(model, 180);
  watch.sites = {{.space = "go",
                  .stack = {{"bytes.makeSlice", "/usr/lib/go/src/bytes/buffer.go", 229, "go"},
                            {"example.com/shop.(*Cart).Add", "/src/shop/cart.go", 41, "go"},
                            {"main.main", "/src/main.go", 9, "go"}},
                  .count = 100,
                  .bytes = 6 * mib,
                  .seconds = 150}};
  const Judgement judgement = judge(watch);
  EXPECT_THAT(judgement.verdict().sentence,
              StartsWith("leak in Go's heap: example.com/shop.(*Cart).Add (cart.go:41), +2.0 "
                         "MiB/min"));
  EXPECT_THAT(to_json(judgement, watch), HasSubstr("\"site\":{\"function\":\"example.com/shop."));
  watch.sites.front().stack.insert(watch.sites.front().stack.begin() + 2,
                                   {"main.(*server).buy", "/src/main.go", 30, "go"});
  EXPECT_THAT(judge(watch).verdict().sentence,
              StartsWith("leak in Go's heap: example.com/shop.(*Cart).Add (cart.go:41) called by "
                         "main.(*server).buy (main.go:30), +2.0 MiB/min"));
}

Watch watch_of_sites(const std::vector<SiteGrowth>& sites) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  Watch watch = watch_of(model, 180);
  watch.sites = sites;
  return watch;
}

TEST(Judge, DoubtsGrowthWhoseOldIsGivenUpForNew) {
  const SiteGrowth sessions{.space = "native",
                            .stack = {{"open_session", "/src/shop.c", 12, "native"}},
                            .count = 300,
                            .bytes = 5 * mib,
                            .survival = 0.1,
                            .ages = 3};
  const Finding doubted = judge(watch_of_sites({sessions})).verdict();
  EXPECT_EQ(doubted.verdict, Verdict::cannot_tell);
  EXPECT_THAT(doubted.sentence, HasSubstr("what it held earlier is given up for new"));
  EXPECT_EQ(doubted.survival, 0.1);
  // Something else keeps the most of it.
  const SiteGrowth leak{.space = "native",
                        .stack = {{"remember", "/src/shop.c", 40, "native"}},
                        .count = 300,
                        .bytes = 4 * mib,
                        .survival = 1.0,
                        .ages = 12};
  const Judgement judged = judge(watch_of_sites({sessions, leak}));
  EXPECT_EQ(judged.verdict().verdict, Verdict::leak);
  EXPECT_THAT(judged.verdict().sentence, HasSubstr("remember (shop.c:40)"));
  EXPECT_THAT(judged.why,
              ::testing::Contains("native memory: of what its stack held earlier, 100 % is held "
                                  "still, and blocks of 12 of 12 parts of the time; a cache would "
                                  "keep it, too, until its bound is reached"));
  EXPECT_THAT(to_json(judged, watch_of_sites({})),
              HasSubstr(R"("line":40,"survival":1,"ages_of_12":12,)"));
}

TEST(Judge, GivesLargeObjectsOfPythonToPython) {
  Model model;
  model.python = [](double) { return 10 * mib; };
  model.native = leaking(20 * mib, 2 * mib);
  Watch watch = watch_of(model, 180);
  watch.looks.front().types = {{"python", "str", 100, 5 * mib}};
  watch.looks.back().types = {{"python", "str", 1300, 10.8 * mib}};
  EXPECT_EQ(judge(watch).verdict().space, "python");
  EXPECT_THAT(judge(watch).verdict().sentence, HasSubstr("+1200 str"));
  // A C extension: no object grows.
  watch.looks.back().types = {{"python", "str", 100, 5 * mib}};
  EXPECT_EQ(judge(watch).verdict().space, "native");
}

TEST(Judge, LeavesOutLooksThatDidNotRecogniseAHeap) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  Watch watch = watch_of(model, 180);
  for (std::size_t i = 5; i < watch.looks.size(); i += 7) {
    watch.looks[i].rows[0] = {"native", "brk heap", "mapped", watch.looks[i].rows[0].bytes};
  }
  watch.looks[9].torn = {"native"};
  watch.looks[9].rows[0].bytes = 0;
  const Judgement judgement = judge(watch);
  EXPECT_EQ(judgement.verdict().verdict, Verdict::leak);
  EXPECT_NEAR(judgement.verdict().rate->value * 60, 2 * mib, 1);
}

TEST(Judge, NamesTheOwnerWhoseUseIsNotToldApartAndGrew) {
  const Model model;
  Watch watch = watch_of(model, 180);
  for (std::size_t i = 0; i < watch.looks.size(); ++i) {
    Look& look = watch.looks[i];
    look.rows.push_back({"other", "Java", "mapped", static_cast<double>(i + 20) * mib});
    look.rows.push_back({"other", "generated code", "mapped", 2 * mib});
    look.rss += static_cast<double>(i + 22) * mib;
  }
  const Judgement judgement = judge(watch);
  EXPECT_THAT(judgement.verdict().sentence,
              HasSubstr("what Java uses and what it keeps free are not told apart"));
  EXPECT_THAT(judgement.why, ::testing::Contains(StartsWith("native memory of Java: grows")));
}

TEST(Judge, SaysWhenMostLooksDidNotComeToTheEndOfAHeap) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  Watch watch = watch_of(model, 180);
  for (std::size_t i = 0; i < watch.looks.size(); ++i) {
    if (i != 3) {
      watch.looks[i].torn = {"native", "native"};
    }
  }
  const Finding verdict = judge(watch).verdict();
  EXPECT_EQ(verdict.verdict, Verdict::cannot_tell);
  const std::string count =
      std::to_string(watch.looks.size() - 1) + " of " + std::to_string(watch.looks.size());
  EXPECT_THAT(verdict.sentence,
              HasSubstr("and native memory could not be read to its end in " + count + " looks"));
}

TEST(Judge, IgnoresWhatItIsToldTo) {
  Model model;
  model.native = leaking(20 * mib, 2 * mib);
  Watch watch = watch_of(model, 180);
  watch.looks.front().sizes = {{"native", "blocks of 64 bytes", 10, 640}};
  watch.looks.back().sizes = {{"native", "blocks of 64 bytes", 100'010, 6.4e6}};
  EXPECT_EQ(judge(watch).verdict().verdict, Verdict::leak);
  const auto ignores = [](std::string_view text) { return text == "blocks of 64 bytes"; };
  EXPECT_NE(judge(watch, {.ignores = ignores}).verdict().verdict, Verdict::leak);
}

TEST(Judge, DoesNotCallNoiseALeakInAnyOfAHundredProcesses) {
  int leaks = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    const auto wander = [&random](double base, double sd) {
      return [&random, base, sd, state = 0.0](double) mutable {
        state = 0.97 * state + std::normal_distribution<double>(0, 0.24 * sd)(random);
        return std::max(0.0, base + state);
      };
    };
    Model model;
    model.native = wander(40 * mib, 3 * mib);
    model.python = wander(30 * mib, 2 * mib);
    model.held = wander(10 * mib, 4 * mib);
    model.mapped = wander(8 * mib, mib);
    model.threads = wander(40, 6);
    model.descriptors = wander(200, 30);
    leaks += verdict_of(model).verdict == Verdict::leak ? 1 : 0;
  }
  EXPECT_LE(leaks, 1);
}

TEST(Looks, ComeBackFromTheirJsonAsTheyWere) {
  Model model;
  model.go = [](double at) { return go_state(20 * mib, at, 9, true); };
  Watch watch = watch_of(model, 20);
  watch.url = "http://localhost:5000";
  watch.missing = {"the rest of its memory: the look took all of its time"};
  watch.ended = "process 7 has ended";
  watch.looks.back().types = {{"python", "str", 1300, 10.8 * mib}};
  watch.looks.back().room = 12.5 * mib;
  watch.sites = {{.space = "go",
                  .stack = {{"main.f", "f.go", 3, "go"}},
                  .count = 1,
                  .bytes = 2,
                  .survival = 0.5,
                  .ages = 7,
                  .helpers = 1}};
  const auto again = parse_watch(to_json(watch));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->looks, watch.looks);
  EXPECT_EQ(again->sites, watch.sites);
  EXPECT_EQ(again->missing, watch.missing);
  EXPECT_EQ(again->ended, watch.ended);
  EXPECT_EQ(again->pid, watch.pid);
  EXPECT_EQ(again->url, watch.url);
}

TEST(Looks, RefuseWhatIsNoneWithoutAFall) {
  EXPECT_EQ(parse_watch("{").error().message, "it is no JSON: wrong at byte 1");
  EXPECT_THAT(parse_watch("{}").error().message, HasSubstr("heapwatch.looks/1"));
  EXPECT_THAT(
      parse_watch(R"({"schema":"heapwatch.looks/1","looks":[{"at":2},{"at":1}]})").error().message,
      HasSubstr("order of time"));
  EXPECT_TRUE(parse_watch(
      R"({"schema":"heapwatch.looks/1","pid":"x","looks":[{"at":1,"rows":7,"go":[]},3]})"));
}

}  // namespace
}  // namespace heapwatch::leak
