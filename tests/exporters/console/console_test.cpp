#include "exporters/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::exporters::console {
namespace {

using base::Number;
using metrics::MetricType;

constexpr std::chrono::sys_seconds start{std::chrono::seconds{1'735'787'045}};

metrics::Series series(std::string name, MetricType type, std::optional<Number> value,
                       metrics::Tags tags = {}, std::optional<std::string> host = std::nullopt) {
  metrics::Series made;
  made.context = metrics::make_context({std::move(name), std::move(tags), std::move(host), ""});
  made.type = type;
  made.value = value;
  made.time = start + std::chrono::milliseconds{700};
  return made;
}

metrics::Series histogram(std::string name, std::vector<Number> samples) {
  metrics::Series made = series(std::move(name), MetricType::histogram, std::nullopt);
  made.distribution = metrics::Distribution{std::move(samples), 0, 0};
  return made;
}

metrics::Snapshot run(std::vector<metrics::Series> all) {
  metrics::Snapshot made;
  made.instance = std::make_shared<metrics::Instance>(
      metrics::Instance{"go_expvar", "5.0.1", "go_expvar:1f2e", "file:conf.yaml", ""});
  made.time.wall = start;
  made.series = std::move(all);
  return made;
}

const ConsoleOptions options{"web1", {}};

TEST(RenderText, ShowsEachSeriesWithItsFieldsInOrder) {
  const std::vector runs{
      run({series("a.b", MetricType::gauge, Number::of(12), {"x:1", "device:sda", "y"}),
           series("a.c", MetricType::monotonic_counter, Number::of(0.5), {}, "db1")})};
  EXPECT_EQ(render_text(runs, options), R"(=== Series ===
[
  {
    "metric": "a.b",
    "points": [
      [
        1735787045,
        12
      ]
    ],
    "tags": [
      "x:1",
      "y"
    ],
    "host": "web1",
    "device": "sda",
    "type": "gauge",
    "interval": 0,
    "source_type_name": "System"
  },
  {
    "metric": "a.c",
    "points": [
      [
        1735787045,
        0.5
      ]
    ],
    "tags": [],
    "host": "db1",
    "type": "count",
    "interval": 1,
    "source_type_name": "System"
  }
]
)");
}

TEST(RenderText, AddsServiceChecksAndEventsWhenThereAreAny) {
  metrics::Snapshot one = run({});
  one.service_checks.push_back(
      {"up", metrics::ServiceCheckStatus::critical, {"a:1"}, "", "said \"no\"\n"});
  metrics::Event event;
  event.title = "t";
  event.text = "x";
  event.priority = "low";
  event.tags = {"b"};
  one.events.push_back(event);
  EXPECT_EQ(render_text(std::vector{one}, options), R"(=== Series ===
[]
=== Service Checks ===
[
  {
    "check": "up",
    "host_name": "web1",
    "timestamp": 1735787045,
    "status": 2,
    "message": "said \"no\"\n",
    "tags": [
      "a:1"
    ]
  }
]
=== Events ===
[
  {
    "msg_title": "t",
    "msg_text": "x",
    "timestamp": 1735787045,
    "priority": "low",
    "host": "web1",
    "tags": [
      "b"
    ]
  }
]
)");
}

TEST(RenderTable, SortsByMetricTimeAndTagsAndWritesNoExponent) {
  auto later = series("a", MetricType::counter, Number::of(1e22));
  later.time += std::chrono::seconds{10};
  const std::vector runs{
      run({later, series("b.long", MetricType::rate, Number::of(1e-9)),
           series("a", MetricType::gauge, Number::of(std::numeric_limits<std::uint64_t>::max()),
                  {"z", "y"})}),
      run({series("a", MetricType::count, Number::of(-2), {"x"})})};
  EXPECT_EQ(render_table(runs, options),
            "=== Series ===\n"
            "METRIC\tTYPE \tTIMESTAMP \tVALUE                  \tTAGS\n"
            "a     \tcount\t1735787045\t-2                     \tx\n"
            "a     \tgauge\t1735787045\t18446744073709551615   \ty, z\n"
            "a     \trate \t1735787055\t10000000000000000000000\t\n"
            "b.long\tgauge\t1735787045\t0.000000001            \t\n");
}

TEST(RenderTable, ShowsTheAggregatesOfAHistogram) {
  EXPECT_EQ(
      render_table(std::vector{run({histogram("h", {Number::of(3), Number::of(1)})})}, options),
      "=== Series ===\n"
      "METRIC        \tTYPE \tTIMESTAMP \tVALUE\tTAGS\n"
      "h.95percentile\tgauge\t1735787045\t3    \t\n"
      "h.avg         \tgauge\t1735787045\t2    \t\n"
      "h.count       \trate \t1735787045\t2    \t\n"
      "h.max         \tgauge\t1735787045\t3    \t\n"
      "h.median      \tgauge\t1735787045\t1    \t\n");
}

TEST(RenderTable, AddsServiceChecksAndEvents) {
  metrics::Snapshot one = run({});
  one.service_checks.push_back({"up", metrics::ServiceCheckStatus::ok, {"a:1"}, "", "fine"});
  one.events.emplace_back().title = "t";
  one.events.back().time = start + std::chrono::seconds{1};
  EXPECT_EQ(render_table(std::vector{one}, options),
            "=== Series ===\nMETRIC\tTYPE\tTIMESTAMP\tVALUE\tTAGS\n"
            "=== Service Checks ===\n"
            "CHECK\tSTATUS\tTIMESTAMP \tMESSAGE\tTAGS\n"
            "up   \t0     \t1735787045\tfine   \ta:1\n"
            "=== Events ===\n"
            "TITLE\tTEXT\tTIMESTAMP \tPRIORITY\tTAGS\n"
            "t    \t    \t1735787046\t        \t\n");
}

TEST(RenderJson, HasOneObjectPerInstanceAndNoEmptySection) {
  const std::vector runs{run({series("a", MetricType::gauge, Number::of(1))})};
  std::vector<InstanceRuns> instances(2);
  for (auto& instance : instances) {
    instance.status.add(runs[0]);
  }
  instances[0].runs = runs;
  const std::string text = render_json(instances, options);
  rapidjson::Document json;
  json.Parse(text.c_str());
  ASSERT_TRUE(json.IsArray());
  ASSERT_EQ(json.Size(), 2U);
  EXPECT_EQ(json[0]["aggregator"].MemberCount(), 1U);
  EXPECT_STREQ(json[0]["aggregator"]["metrics"][0]["metric"].GetString(), "a");
  EXPECT_STREQ(json[0]["runner"]["CheckID"].GetString(), "go_expvar:1f2e");
  EXPECT_STREQ(json[0]["inventories"]["config.source"].GetString(), "file:conf.yaml");
  EXPECT_EQ(json[1]["aggregator"].MemberCount(), 0U);
}

TEST(RenderJson, StaysJsonWhateverTheNamesAre) {
  const std::vector runs{run({series("a\"\xff\x01", MetricType::gauge, Number::of(1e300))})};
  std::vector<InstanceRuns> instances(1);
  instances[0].status.add(runs[0]);
  instances[0].runs = runs;
  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(render_json(instances, options).c_str());
  ASSERT_TRUE(json.IsArray());
  const auto& made = json[0]["aggregator"]["metrics"][0];
  EXPECT_STREQ(made["metric"].GetString(), "a\"_\x01");
  EXPECT_EQ(made["points"][0][1].GetDouble(), 1e300);
}

TEST(RenderDogstatsd, IsOneLineADatagramLine) {
  metrics::Snapshot one = run({series("a", MetricType::gauge, Number::of(1), {"x"}),
                               histogram("h", {Number::of(1), Number::of(2)})});
  one.service_checks.emplace_back().name = "up";
  one.events.emplace_back().title = "t";
  EXPECT_EQ(render_dogstatsd(one, {}), "a:1|g|#x\nh:1:2|h\n_sc|up|3\n_e{1,0}:t|\n");
}

TEST(SeriesWithoutValue, AreThoseThatNoRunCouldShow) {
  const auto rate = series("r", MetricType::rate, std::nullopt);
  const auto counter = series("m", MetricType::monotonic_counter, std::nullopt);
  metrics::Snapshot first = run({series("g", MetricType::gauge, Number::of(1)), rate, counter,
                                 histogram("h", {Number::of(1)})});
  const auto missing = series_without_value(std::vector{first});
  ASSERT_EQ(missing.size(), 2U);
  EXPECT_EQ(missing[0].context.name(), "r");
  EXPECT_EQ(missing[0].type, MetricType::rate);
  EXPECT_EQ(missing[1].context.name(), "m");

  metrics::Series now = rate;
  now.value = Number::of(2);
  const auto left = series_without_value(std::vector{first, run({now, counter})});
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].context.name(), "m");
}

}  // namespace
}  // namespace heapwatch::exporters::console
