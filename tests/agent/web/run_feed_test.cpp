#include "agent/web/run_feed.h"

#include <gmock/gmock.h>
#include <rapidjson/document.h>

#include "../../history/made_history.h"
#include "agent/web/api.h"
#include "answer_schema.h"

namespace heapwatch::agent::web {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::minute;
using tests::second;
using tests::start;

metrics::Series gauge(const std::string& name, std::int64_t value) {
  metrics::Series series;
  series.context = metrics::make_context(
      {.name = name, .tags = {}, .host = {}, .help = "", .audience = metrics::Audience::everyone});
  series.value = base::Number::of(value);
  series.total = series.value;
  return series;
}

metrics::Series pauses(const std::string& name, const std::vector<std::int64_t>& all) {
  metrics::Series series = gauge(name, 0);
  series.value.reset();
  series.total.reset();
  series.distribution.emplace();
  for (const std::int64_t pause : all) {
    series.distribution->run.push_back(base::Number::of(pause));
  }
  return series;
}

class RunsOfHistory : public tests::MadeHistory {
 protected:
  static metrics::InstancePtr instance(const std::string& id, const std::string& check) {
    return std::make_shared<const metrics::Instance>(
        metrics::Instance{.check_name = check,
                          .check_version = "",
                          .id = id,
                          .source = "",
                          .target = "http://localhost:6060/debug/vars"});
  }
  void run(std::vector<metrics::Series> series, const std::string& error = "",
           const std::string& id = "go_expvar:shop:1", const std::string& check = "go_expvar") {
    metrics::Snapshot snapshot;
    snapshot.instance = instance(id, check);
    snapshot.duration = std::chrono::milliseconds(4);
    snapshot.series = std::move(series);
    if (!error.empty()) {
      snapshot.error = base::Error{base::ErrorKind::unreachable, error};
    }
    feed_.take(snapshot);
  }
  void record(const std::vector<CheckReading>& checks = {}) {
    feed_.record(checks);
    recorder().flush();
    now_ += 10 * second;
  }
  rapidjson::Document json(const std::string& path) {
    const net::Routes routes(api_.routes());
    const net::ServerReply answer =
        routes.answer({.method = "GET", .path = path, .query = "", .headers = {}, .body = {}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    rapidjson::Document document;
    document.Parse(answer.body.c_str());
    EXPECT_EQ(tests::against_schema(document), "");
    return document;
  }
  static std::vector<std::int64_t> numbers(const rapidjson::Value& list) {
    std::vector<std::int64_t> all;
    for (const auto& one : list.GetArray()) {
      all.push_back(one.IsNull() ? -1 : one.GetInt64());
    }
    return all;
  }

  std::vector<CheckVerdict> verdicts_;
  RunFeed feed_{{.recorder = recorder(),
                 .clock = [this] { return now_; },
                 .process = "boot/1/2",
                 .began = start}};
  Api api_{{.history = path(),
            .verdicts = [] { return std::vector<Verdict>{}; },
            .check_verdicts = [this] { return verdicts_; },
            .clock = [this] { return now_; },
            .trouble = [] { return std::string(); }}};
};

TEST_F(RunsOfHistory, TellOfATargetItsHeapItsPausesAndItsGoroutines) {
  run({gauge("shop.memstats.heap_alloc", 1000), gauge("shop.memstats.heap_sys", 5000),
       gauge("shop.runtime.goroutines", 12), gauge("shop.other", 3),
       pauses("shop.memstats.pause_ns", {500, 900})});
  record();
  run({gauge("shop.memstats.heap_alloc", 2000)});
  run({gauge("shop.memstats.heap_alloc", 3000), pauses("shop.memstats.pause_ns", {100})});
  record();
  const auto answer = json("/api/v1/targets");
  ASSERT_EQ(answer["targets"].Size(), 1U);
  const auto& target = answer["targets"][0];
  EXPECT_STREQ(target["kind"].GetString(), "target");
  EXPECT_STREQ(target["name"].GetString(), "http://localhost:6060/debug/vars");
  EXPECT_STREQ(target["service"].GetString(), "go_expvar:shop:1");
  EXPECT_TRUE(target["up"].GetBool());
  EXPECT_EQ(target["heap_bytes"].GetInt64(), 3000);
  EXPECT_EQ(target["goroutines"].GetInt64(), 12);
  EXPECT_EQ(target["gc"]["pauses"].GetInt64(), 3);
  EXPECT_EQ(target["gc"]["total_ns"].GetInt64(), 1500);
  EXPECT_EQ(target["gc"]["longest_ns"].GetInt64(), 900);
  EXPECT_EQ(target["scrapes"]["runs"].GetInt64(), 3);
  EXPECT_EQ(target["scrapes"]["errors"].GetInt64(), 0);
  EXPECT_EQ(target["scrapes"]["time_ns_mean"].GetInt64(), 4'000'000);
  EXPECT_THAT(numbers(target["columns"]["heap_alloc"]), ElementsAre(1000, 3000));
  EXPECT_THAT(numbers(target["columns"]["goroutines"]), ElementsAre(12, -1));
  EXPECT_THAT(numbers(target["columns"]["gc_pause_longest_ns"]), ElementsAre(900, 100));
  EXPECT_FALSE(target["columns"].HasMember("heap_idle"));
}

TEST_F(RunsOfHistory, TellThatATargetIsDownOnceAndThatItIsBack) {
  run({gauge("memstats.heap_alloc", 1000)});
  record();
  for (int i = 0; i < 5; ++i) {
    run({}, "connection refused");
    record();
  }
  const auto down = json("/api/v1/targets");
  const auto& target = down["targets"][0];
  EXPECT_FALSE(target["up"].GetBool());
  EXPECT_EQ(target["scrapes"]["errors"].GetInt64(), 5);
  EXPECT_STREQ(target["last_error"].GetString(), "connection refused");
  for (int i = 0; i < 7; ++i) {
    run({gauge("memstats.heap_alloc", 1000)});
    record();
  }
  const auto after = json("/api/v1/targets");
  EXPECT_TRUE(after["targets"][0]["up"].GetBool());
  EXPECT_STREQ(after["targets"][0]["last_error"].GetString(), "");
  const auto events = archive().events(after["targets"][0]["life"].GetInt64(), {0, now_});
  std::vector<std::string> kinds;
  for (const history::Event& event : *events) {
    kinds.push_back(event.kind);
  }
  EXPECT_THAT(kinds, ElementsAre("error", "recovered"));
}

TEST_F(RunsOfHistory, TellOfATargetThatFailsNowAndThenOnce) {
  for (int i = 0; i < 40; ++i) {
    run({}, i % 2 == 0 ? "one" : "");
    record();
  }
  EXPECT_EQ(archive().events(std::nullopt, {0, now_})->size(), 2U);  // of the check, and of it
  EXPECT_STREQ(json("/api/v1/targets")["targets"][0]["last_error"].GetString(), "one");
  for (int i = 0; i < 12; ++i) {
    run({}, i % 2 == 0 ? "two" : "three");
    record();
  }
  // Not more often than once a minute, whatever it says.
  EXPECT_LE(archive().events(std::nullopt, {0, now_})->size(), 2U + 2 * 3);
}

TEST_F(RunsOfHistory, TellThatATargetBeganAnew) {
  for (const std::int64_t total : {100, 200, 50, 70}) {
    run({gauge("go_expvar.memstats.total_alloc", total)});
    record();
  }
  const auto events = archive().events(std::nullopt, {0, now_});
  ASSERT_EQ(events->size(), 1U);
  EXPECT_EQ(events->front().kind, "restart");
}

TEST_F(RunsOfHistory, EndATargetThatIsConfiguredNoMore) {
  run({gauge("memstats.heap_alloc", 1000)});
  record();
  feed_.forget(*instance("go_expvar:shop:1", "go_expvar"));
  record();
  EXPECT_TRUE(archive().lives({0, now_})->front().ended);
}

TEST_F(RunsOfHistory, KeepSoManyTargetsAtMost) {
  for (std::size_t i = 0; i < RunFeed::targets_max + 10; ++i) {
    run({gauge("memstats.heap_alloc", 1)}, "", "go_expvar:" + std::to_string(i));
  }
  record();
  EXPECT_EQ(archive().lives({0, now_})->size(), RunFeed::targets_max);
}

TEST_F(RunsOfHistory, TellWhatChecksCostAndKeep) {
  std::uint64_t runs = 100;
  for (int i = 0; i <= 60; ++i) {
    record({{.check = "orders",
             .runs = runs,
             .errors = runs / 50,
             .warnings = 1,
             .skipped = 0,
             .run_time = std::chrono::milliseconds(runs * 3),
             .native = 50'000 + runs * 64,
             .python = {}},
            {.check = "python", .runs = runs, .native = {}, .python = 8'000'000}});
    runs += 2;
  }
  verdicts_ = {{.check = "orders",
                .space = "native",
                .verdict = "leak",
                .kept_per_run = 64,
                .sentence = "leak in native memory: keeps 64 B a run"}};
  run({}, "disk is full", "orders:1", "orders");
  record();
  const auto answer = json("/api/v1/checks");
  ASSERT_EQ(answer["checks"].Size(), 2U);
  const auto& orders =
      answer["checks"][std::string(answer["checks"][0]["name"].GetString()) == "orders" ? 0U : 1U];
  // The life began in that time: what it came to until its first frame counts.
  EXPECT_EQ(orders["runs"].GetInt64(), 220);
  EXPECT_EQ(orders["errors"].GetInt64(), 4);
  EXPECT_EQ(orders["run_time_ns_mean"].GetInt64(), 3'000'000);
  EXPECT_STREQ(orders["last_error"].GetString(), "disk is full");
  ASSERT_EQ(orders["kept"].Size(), 1U);
  EXPECT_STREQ(orders["kept"][0]["space"].GetString(), "native");
  EXPECT_NEAR(orders["kept"][0]["bytes_per_run"].GetDouble(), 64, 0.01);
  EXPECT_STREQ(orders["kept"][0]["verdict"].GetString(), "leak");
  EXPECT_EQ(orders["columns"]["native"].Size(), orders["times"].Size());
  const auto& python =
      answer["checks"][std::string(answer["checks"][0]["name"].GetString()) == "orders" ? 1U : 0U];
  EXPECT_EQ(python["kept"][0]["bytes_per_run"].GetDouble(), 0);
  EXPECT_TRUE(python["kept"][0]["verdict"].IsNull());
}

TEST_F(RunsOfHistory, AreNoProcesses) {
  run({gauge("memstats.heap_alloc", 1000)});
  record({{.check = "orders", .runs = 1, .native = {}, .python = {}}});
  EXPECT_EQ(json("/api/v1/processes")["processes"].Size(), 0U);
}

}  // namespace
}  // namespace heapwatch::agent::web
