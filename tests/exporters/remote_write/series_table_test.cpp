// Names and labels of series, which of them end, and what is not sent.
#include "exporters/remote_write/series_table.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "decoded.h"

namespace heapwatch::exporters::remote_write {
namespace {

using base::Number;
using prometheus::FamilyType;

metrics::Context context(const std::string& name, metrics::Tags tags = {}) {
  return metrics::make_context(
      {.name = name, .tags = std::move(tags), .host = {}, .help = "help of " + name});
}

/// `series value@time`, in the order in which they came.
class Sink final : public SampleSink {
 public:
  void add(const Line& line, std::uint64_t series_hash) override {
    Encoder encoder;
    encoder.add(line);
    const DecodedSample sample = decoded_v1(encoder.take()).at(0);
    const std::string value = sample.bits == stale_bits
                                  ? "stale"
                                  : base::to_text(Number::of(std::bit_cast<double>(sample.bits)));
    lines.push_back(sample.series + " " + value + "@" + std::to_string(sample.time_ms));
    const auto [known, is_new] = hashes.emplace(sample.series, series_hash);
    EXPECT_EQ(known->second, series_hash);
    bits = sample.bits;
    metadata = line.metadata->family + ": " + line.metadata->help;
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }

  std::vector<std::string> lines;
  std::map<std::string, std::uint64_t> hashes;
  std::uint64_t bits = 0;
  std::string metadata;
};

struct Put {
  metrics::Context context;
  FamilyType type = FamilyType::gauge;
  std::vector<Number> values;
};

Put gauge(const std::string& name, double value, metrics::Tags tags = {}) {
  return {context(name, std::move(tags)), FamilyType::gauge, {Number::of(value)}};
}

class RemoteWriteSeries : public testing::Test {
 protected:
  void run(SeriesTable::Group& group, std::int64_t time_ms, const std::vector<Put>& all) {
    SeriesTable::Run run(table_, group, time_ms);
    for (const Put& one : all) {
      run.put(one.context, one.type, one.values);
    }
    run.end();
    while (run.emit(sink_, 1)) {
    }
  }
  using Lines = std::vector<std::string>;

  SeriesTable table_{{.suffixes = true, .labels = {{"host", "h"}}, .percentiles = {50, 95}}};
  SeriesTable::Group group_;
  SeriesTable::Group other_;
  Sink sink_;
};

TEST_F(RemoteWriteSeries, NamesAndLabelsAreThoseOfTheMetricsPage) {
  run(group_, 1000,
      {gauge("go.heap-alloc", 1, {"team:a", "bare", "host:own"}),
       {context("jobs"), FamilyType::counter, {Number::of(7)}},
       {context("old.total"), FamilyType::counter, {Number::of(8)}},
       {context("go_memstats_alloc_bytes_total"), FamilyType::lone_total, {Number::of(9)}},
       {context("time"),
        FamilyType::summary,
        {Number::of(0.5), Number::of(0.95), Number::of(10), Number::of(4)}}});
  EXPECT_EQ(sink_.take(),
            (Lines{R"({__name__="go_heap_alloc",bare="true",host="own",team="a"} 1@1000)",
                   R"({__name__="jobs_total",host="h"} 7@1000)",
                   R"({__name__="old_total",host="h"} 8@1000)",
                   R"({__name__="go_memstats_alloc_bytes_total",host="h"} 9@1000)",
                   R"({__name__="time",host="h",quantile="0.5"} 0.5@1000)",
                   R"({__name__="time",host="h",quantile="0.95"} 0.95@1000)",
                   R"({__name__="time_sum",host="h"} 10@1000)",
                   R"({__name__="time_count",host="h"} 4@1000)"}));
  EXPECT_EQ(sink_.metadata, "time: help of time");
}

TEST_F(RemoteWriteSeries, ASeriesThatIsNotInARunEndsOnceAndMayComeAgain) {
  run(group_, 1000, {gauge("a", 1), gauge("b", 2), gauge("c", 3)});
  run(group_, 2000, {gauge("a", 1), gauge("c", 3)});
  run(group_, 3000, {gauge("a", 1), gauge("c", 3)});
  run(group_, 4000, {gauge("a", 1), gauge("b", 2), gauge("c", 3)});
  EXPECT_EQ(sink_.take(),
            (Lines{R"({__name__="a",host="h"} 1@1000)", R"({__name__="b",host="h"} 2@1000)",
                   R"({__name__="c",host="h"} 3@1000)", R"({__name__="a",host="h"} 1@2000)",
                   R"({__name__="c",host="h"} 3@2000)", R"({__name__="b",host="h"} stale@2000)",
                   R"({__name__="a",host="h"} 1@3000)", R"({__name__="c",host="h"} 3@3000)",
                   R"({__name__="a",host="h"} 1@4000)", R"({__name__="b",host="h"} 2@4000)",
                   R"({__name__="c",host="h"} 3@4000)"}));
  EXPECT_EQ(table_.series(), 3U);
}

TEST_F(RemoteWriteSeries, AGroupThatIsOverEndsItsSeriesButNotThoseOfOthers) {
  run(group_, 1000, {gauge("a", 1), gauge("b", 2)});
  run(other_, 1500, {gauge("b", 3)});
  sink_.take();
  table_.end_all(group_, 2000, sink_);
  EXPECT_EQ(sink_.take(), Lines{R"({__name__="a",host="h"} stale@2000)"});
  table_.end_all(other_, 2500, sink_);
  EXPECT_EQ(sink_.take(), Lines{R"({__name__="b",host="h"} stale@2500)"});
  EXPECT_EQ(table_.series(), 0U);
}

TEST_F(RemoteWriteSeries, AStaleMarkerIsNewerThanTheLastSample) {
  run(group_, 1000, {gauge("a", 1)});
  sink_.take();
  table_.end_all(group_, 1000, sink_);
  EXPECT_EQ(sink_.take(), Lines{R"({__name__="a",host="h"} stale@1001)"});
}

TEST_F(RemoteWriteSeries, AValueThatIsNoNumberIsNoStaleMarker) {
  const double stale = std::bit_cast<double>(stale_bits);
  run(group_, 1000, {gauge("a", stale)});
  EXPECT_EQ(sink_.bits, plain_nan_bits);
  run(group_, 2000, {gauge("a", -std::numeric_limits<double>::quiet_NaN())});
  EXPECT_EQ(sink_.bits, plain_nan_bits);
  run(group_, 3000, {gauge("a", std::numeric_limits<double>::infinity())});
  EXPECT_EQ(sink_.bits, 0x7ff0000000000000U);
}

TEST_F(RemoteWriteSeries, OfSeveralSamplesOfASeriesAtOneTimeTheLastIsSentOnce) {
  run(group_, 1000, {gauge("a.b", 1), gauge("x", 5), gauge("a_b", 2)});
  EXPECT_EQ(sink_.take(),
            (Lines{R"({__name__="a_b",host="h"} 2@1000)", R"({__name__="x",host="h"} 5@1000)"}));
  EXPECT_EQ(table_.counts().duplicates, 1U);
  run(other_, 1000, {gauge("a.b", 3)});
  EXPECT_EQ(sink_.take(), Lines{});
  run(other_, 900, {gauge("a.b", 3)});
  EXPECT_EQ(sink_.take(), Lines{});
  EXPECT_EQ(table_.counts().duplicates, 3U);
  run(other_, 1001, {gauge("a.b", 3)});
  EXPECT_EQ(sink_.take(), Lines{R"({__name__="a_b",host="h"} 3@1001)"});
}

TEST_F(RemoteWriteSeries, ASeriesKeepsTheTypeThatItHadFirst) {
  const Put counter{context("x"), FamilyType::counter, {Number::of(7)}};
  run(group_, 1000, {counter, gauge("x_total", 9)});
  EXPECT_EQ(sink_.take(), Lines{R"({__name__="x_total",host="h"} 7@1000)"});
  EXPECT_EQ(table_.counts().type_conflicts, 1U);
  run(group_, 2000, {gauge("x_total", 9)});
  run(group_, 3000, {gauge("x_total", 9)});
  EXPECT_EQ(sink_.take().back(), R"({__name__="x_total",host="h"} 9@3000)");
}

TEST_F(RemoteWriteSeries, ARunThatIsGivenUpChangesNothing) {
  run(group_, 1000, {gauge("a", 1), gauge("b", 2)});
  sink_.take();
  {
    SeriesTable::Run run(table_, group_, 2000);
    const std::array<Number, 1> value{Number::of(1)};
    run.put(context("new"), FamilyType::gauge, value);
    run.put(context("a"), FamilyType::gauge, value);
  }
  EXPECT_EQ(table_.series(), 2U);
  run(group_, 3000, {gauge("a", 1)});
  EXPECT_EQ(sink_.take(),
            (Lines{R"({__name__="a",host="h"} 1@3000)", R"({__name__="b",host="h"} stale@3000)"}));
}

TEST_F(RemoteWriteSeries, WhatIsToldOfASeriesIsSentInItsPlaceAndAskedForOnce) {
  int asked = 0;
  SeriesTable table(
      {.labels = {{"host", "h"}},
       .percentiles = {50},
       .relabel = [&asked](prometheus::Labels labels) -> std::optional<prometheus::Labels> {
         ++asked;
         if (labels["__name__"] == "unwanted" || labels["quantile"] == "0.5") {
           return std::nullopt;
         }
         if (labels["__name__"] == "nameless") {
           labels["__name__"] = "";
         }
         if (labels["__name__"] == "old") {
           labels["__name__"] = "new";
           labels["host"] = "";
           labels["zone"] = "z";
         }
         return labels;
       }});
  const auto put_all = [&](std::int64_t time_ms, bool with_old) {
    SeriesTable::Run run(table, group_, time_ms);
    const auto put = [&](const Put& one) { run.put(one.context, one.type, one.values); };
    put(gauge("unwanted", 1));
    put({context("spread"), FamilyType::summary, {Number::of(5), Number::of(6), Number::of(7)}});
    if (with_old) {
      put(gauge("old", 2));
    }
    put(gauge("nameless", 3));
    put(gauge("last", 4));
    run.end();
    while (run.emit(sink_, 1)) {
    }
    return sink_.take();
  };
  EXPECT_EQ(put_all(10, true),
            (Lines{R"({__name__="spread_sum",host="h"} 6@10)",
                   R"({__name__="spread_count",host="h"} 7@10)",
                   R"({__name__="new",zone="z"} 2@10)", R"({__name__="last",host="h"} 4@10)"}));
  EXPECT_EQ(asked, 7);
  EXPECT_EQ(put_all(20, true).size(), 4U);
  EXPECT_EQ(asked, 7);
  EXPECT_EQ(put_all(30, false),
            (Lines{R"({__name__="spread_sum",host="h"} 6@30)",
                   R"({__name__="spread_count",host="h"} 7@30)",
                   R"({__name__="last",host="h"} 4@30)", R"({__name__="new",zone="z"} stale@30)"}));
  {
    SeriesTable::Run given_up(table, group_, 40);
    given_up.put(context("unwanted"), FamilyType::gauge, std::vector{Number::of(1)});
    given_up.put(context("other"), FamilyType::gauge, std::vector{Number::of(1)});
  }
  EXPECT_EQ(table.series(), 3U);
  table.end_all(group_, 50, sink_);
  EXPECT_EQ(sink_.take().size(), 3U);
  EXPECT_EQ(table.series(), 0U);
}

TEST_F(RemoteWriteSeries, MetadataIsThereOncePerFamily) {
  run(group_, 1000, {gauge("a", 1, {"x:1"}), gauge("a", 1, {"x:2"}), gauge("b", 1)});
  std::set<std::string> families;
  for (const MetadataPtr& metadata : table_.all_metadata()) {
    EXPECT_TRUE(families.insert(metadata->family).second);
    EXPECT_EQ(metadata->type, MetadataType::gauge);
  }
  EXPECT_EQ(families, (std::set<std::string>{"a", "b"}));
}

TEST_F(RemoteWriteSeries, WhateverComesAndGoesEachSeriesIsAliveOrStale) {
  std::mt19937 random(5);
  std::map<std::string, std::string> last;  // of each series, as it was sent
  std::vector<SeriesTable::Group> groups(3);
  std::vector<std::set<int>> alive(3);
  for (int round = 1; round < 400; ++round) {
    const std::size_t which = random() % groups.size();
    std::vector<Put> all;
    std::set<int> now;
    for (int i = 0; i < 8; ++i) {
      if (random() % 3 != 0) {
        const int series = static_cast<int>(random() % 12);
        now.insert(series);
        all.push_back(gauge("s" + std::to_string(series), round));
      }
    }
    alive[which] = now;
    run(groups[which], round * 1000, all);
    for (const std::string& line : sink_.take()) {
      const auto space = line.rfind(' ');
      last[line.substr(0, space)] = line.substr(space + 1);
    }
    std::set<int> any;
    for (const auto& one : alive) {
      any.insert(one.begin(), one.end());
    }
    ASSERT_EQ(table_.series(), any.size());
    for (int series = 0; series < 12; ++series) {
      const auto found = last.find("{__name__=\"s" + std::to_string(series) + "\",host=\"h\"}");
      const bool is_alive = found != last.end() && found->second.rfind("stale", 0) != 0;
      ASSERT_EQ(is_alive, any.contains(series)) << round << ": " << series;
    }
  }
}

}  // namespace
}  // namespace heapwatch::exporters::remote_write
