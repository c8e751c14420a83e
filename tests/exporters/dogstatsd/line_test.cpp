#include "exporters/dogstatsd/line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::exporters::dogstatsd {
namespace {

using base::Number;
using metrics::MetricType;

constexpr std::chrono::sys_seconds noon{std::chrono::seconds{1'735'787'045}};

metrics::Series series(MetricType type, Number value,
                       metrics::ContextParts parts = {"n", {}, {}, ""}) {
  metrics::Series made;
  made.context = metrics::make_context(std::move(parts));
  made.type = type;
  made.value = value;
  made.time = noon;
  return made;
}

metrics::Series histogram(std::vector<Number> samples) {
  metrics::Series made = series(MetricType::histogram, {});
  made.value.reset();
  made.distribution = metrics::Distribution{std::move(samples), 0, 0};
  return made;
}

template <typename Item>
std::string line(const Item& item, LineOptions options = {}) {
  LineWriter writer(std::move(options));
  std::string out;
  writer.append(out, item);
  return out;
}

template <typename Item>
Written written(const Item& item, LineOptions options = {}) {
  LineWriter writer(std::move(options));
  std::string out;
  return writer.append(out, item);
}

LineOptions short_lines(std::size_t bytes) {
  LineOptions options;
  options.line_bytes_max = bytes;
  return options;
}

metrics::Series named(std::string name, metrics::Tags tags = {},
                      std::optional<std::string> host = std::nullopt) {
  return series(MetricType::gauge, Number::of(1),
                {std::move(name), std::move(tags), std::move(host), ""});
}

TEST(SeriesLine, EveryTypeHasItsLetter) {
  const auto of = [](MetricType type) { return line(series(type, Number::of(5))); };
  EXPECT_EQ(of(MetricType::gauge), "n:5|g\n");
  EXPECT_EQ(of(MetricType::rate), "n:5|g\n");
  EXPECT_EQ(of(MetricType::set), "n:5|g\n");
  EXPECT_EQ(of(MetricType::count), "n:5|c\n");
  EXPECT_EQ(of(MetricType::counter), "n:5|c\n");
  EXPECT_EQ(of(MetricType::monotonic_counter), "n:5|c\n");
}

TEST(SeriesLine, ADeltaOfZeroIsSentAndOneThatIsNotThereIsNot) {
  metrics::Series delta = series(MetricType::monotonic_counter, Number::of(0));
  EXPECT_EQ(line(delta), "n:0|c\n");
  delta.value.reset();
  EXPECT_EQ(line(delta), "");
  EXPECT_EQ(written(delta), Written{});
}

TEST(SeriesLine, IntegersBeyondTheDoublesAreExact) {
  EXPECT_EQ(line(series(MetricType::gauge, Number::of(std::numeric_limits<std::uint64_t>::max()))),
            "n:18446744073709551615|g\n");
}

TEST(SeriesLine, NeverSendsNanOrInfinity) {
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_EQ(line(series(MetricType::gauge, Number::of(value))), "");
    EXPECT_EQ(written(series(MetricType::gauge, Number::of(value))), (Written{{}, 1, 0}));
  }
}

TEST(SeriesLine, CarriesTagsInOrderAndTheHostAsOne) {
  EXPECT_EQ(line(named("n", {"b:2", "a", "c:x y"}, "web 1")), "n:1|g|#host:web 1,a,b:2,c:x y\n");
}

TEST(SeriesLine, AppendsTheCommonTagsAndTheFieldsOfTheOrigin) {
  LineOptions options;
  options.tags = {"env:prod", "", "team:a,b"};
  options.entity_id = "pod|1";
  options.container_id = "in-42";
  options.external_data = "it-false,cn-web,pu-1";
  options.cardinality = "low";
  options.timestamps = true;
  EXPECT_EQ(line(named("n", {"a:1"}), options),
            "n:1|g|#a:1,env:prod,team:a_b,dd.internal.entity_id:pod_1|c:in-42"
            "|e:it-false,cn-web,pu-1|card:low|T1735787045\n");
}

TEST(SeriesLine, NamesTheAgentsHostWhereASeriesHasNone) {
  LineOptions options;
  options.hostname = "agent-1";
  EXPECT_EQ(line(named("n", {"a"}), options), "n:1|g|#host:agent-1,a\n");
  EXPECT_EQ(line(named("n", {"a"}, "other"), options), "n:1|g|#host:other,a\n");
  EXPECT_EQ(line(named("n", {"a"}, ""), options), "n:1|g|#host:,a\n");
}

TEST(SeriesLine, NoTagsMeansNoField) {
  LineOptions options;
  options.container_id = "ci-1";
  EXPECT_EQ(line(named("n", {""}), options), "n:1|g|c:ci-1\n");
}

TEST(SeriesLine, OnlyGaugesAndCountsHaveATimestamp) {
  LineOptions options;
  options.timestamps = true;
  EXPECT_EQ(line(series(MetricType::counter, Number::of(3)), options), "n:3|c|T1735787045\n");
  EXPECT_EQ(line(histogram({Number::of(3)}), options), "n:3|h\n");
  metrics::Series early = series(MetricType::gauge, Number::of(3));
  early.time = {};
  EXPECT_EQ(line(early, options), "n:3|g\n");
}

TEST(SeriesLine, ReplacesWhatWouldEndAField) {
  EXPECT_EQ(line(named("a:b|c@d#e\nf,g", {"x:1,2|3\n4:5@#"})),
            "a_b_c_d_e_f_g:1|g|#x:1_2_3_4:5@#\n");
  EXPECT_EQ(line(named("é", {"k:\xff"})), "é:1|g|#k:_\n");
}

TEST(SeriesLine, ANameIsNeverTakenForACheckOrAnEvent) {
  EXPECT_EQ(line(named("_scrapes")), "scrapes:1|g\n");
  EXPECT_EQ(line(named("_e{1,1}")), "e{1_1}:1|g\n");
  EXPECT_EQ(line(named("|e{")), "e{:1|g\n");
  EXPECT_EQ(line(named("_x")), "_x:1|g\n");
}

TEST(SeriesLine, ASeriesWithoutANameIsNotSent) {
  EXPECT_EQ(written(named("")), (Written{{}, 1, 0}));
}

TEST(SeriesLine, KeepsLongTags) {
  const std::string tag = "k:" + std::string(300, 'v');
  EXPECT_EQ(line(named("n", {tag})), "n:1|g|#" + tag + "\n");
}

TEST(SeriesLine, DropsALineThatFitsNoPacket) {
  EXPECT_EQ(line(named("abc"), short_lines(8)), "abc:1|g\n");
  EXPECT_EQ(line(named("abcd"), short_lines(8)), "");
  EXPECT_EQ(written(named("abcd"), short_lines(8)), (Written{{}, 0, 1}));
}

TEST(HistogramLine, PacksTheSamplesOfARun) {
  const auto samples = histogram({Number::of(1), Number::of(2.5), Number::of(-3)});
  EXPECT_EQ(line(samples), "n:1:2.5:-3|h\n");
  EXPECT_EQ(written(samples), (Written{{0, 0, 3}, 0, 0}));
}

TEST(HistogramLine, BeginsANewLineWhereThePacketEnds) {
  const auto samples = histogram({Number::of(1), Number::of(22), Number::of(3), Number::of(444)});
  EXPECT_EQ(line(samples, short_lines(9)), "n:1:22|h\nn:3|h\nn:444|h\n");
  EXPECT_EQ(line(samples, short_lines(8)), "n:1|h\nn:22|h\nn:3|h\nn:444|h\n");
  EXPECT_EQ(line(samples, short_lines(7)), "n:1|h\nn:22|h\nn:3|h\n");
  EXPECT_EQ(written(samples, short_lines(7)), (Written{{0, 0, 3}, 0, 1}));
}

TEST(HistogramLine, LeavesOutWhatIsNoNumber) {
  EXPECT_EQ(line(histogram({Number::of(1), Number::of(std::nan("")), Number::of(2)})), "n:1:2|h\n");
  EXPECT_EQ(line(histogram({Number::of(HUGE_VAL)})), "");
  EXPECT_EQ(line(histogram({})), "");
}

TEST(HistogramLine, AggregatesAreGaugesAndTheirCountIsACount) {
  LineOptions options;
  options.aggregates = metrics::HistogramOptions{};
  options.timestamps = true;
  EXPECT_EQ(line(histogram({Number::of(4), Number::of(1), Number::of(2)}), options),
            "n.max:4|g|T1735787045\n"
            "n.median:2|g|T1735787045\n"
            "n.avg:2.3333333333333335|g|T1735787045\n"
            "n.count:3|c|T1735787045\n"
            "n.95percentile:4|g|T1735787045\n");
}

TEST(LineWriterCache, KeepsTheTextsOfLiveContextsAndSoonNoOthers) {
  LineWriter writer({});
  std::string out;
  const metrics::Series first = named("first");
  writer.append(out, first);
  for (int i = 0; i < 5000; ++i) {
    writer.append(out, named("n" + std::to_string(i)));
  }
  EXPECT_LE(writer.texts(), 1025U);
  EXPECT_THAT(out, testing::EndsWith("\nn4998:1|g\nn4999:1|g\n"));
  out.clear();
  writer.append(out, first);
  EXPECT_EQ(out, "first:1|g\n");
}

TEST(LineWriterCache, ContextsThatComeAfterOthersAreGoneAreOtherSeries) {
  LineWriter writer({});
  std::string out;
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {  // the pools of names and tags are swept meanwhile
    const std::string text = std::to_string(i);
    writer.append(
        out, series(MetricType::gauge, Number::of(1), {.name = "n" + text, .tags = {"t:" + text}}));
    expected += "n" + text + ":1|g|#t:" + text + "\n";
  }
  EXPECT_EQ(out, expected);
}

metrics::ServiceCheck service_check() {
  metrics::ServiceCheck check;
  check.name = "go_expvar.can_connect";
  check.status = metrics::ServiceCheckStatus::critical;
  check.host = "web1";
  check.tags = {"url:http://a/?x,y"};
  check.message = "refused | twice\nm: it said no";
  return check;
}

TEST(ServiceCheckLine, EscapesItsMessageAndPutsItLast) {
  LineOptions options;
  options.tags = {"env:prod"};
  options.container_id = "ci-1";
  EXPECT_EQ(line(service_check(), options),
            "_sc|go_expvar.can_connect|2|h:web1|#url:http://a/?x_y,env:prod|c:ci-1"
            "|m:refused _ twice\\nm\\: it said no\n");
}

TEST(ServiceCheckLine, NeedsNoMore) {
  metrics::ServiceCheck check;
  check.name = "a|b";
  check.status = metrics::ServiceCheckStatus::ok;
  EXPECT_EQ(line(check), "_sc|a_b|0\n");
  check.name.clear();
  EXPECT_EQ(written(check), (Written{{}, 1, 0}));
}

TEST(ServiceCheckLine, CutsTheMessageToFit) {
  metrics::ServiceCheck check;
  check.name = "n";
  check.message = "ab\ncd";
  EXPECT_EQ(line(check, short_lines(17)), "_sc|n|3|m:ab\\ncd\n");
  EXPECT_EQ(line(check, short_lines(16)), "_sc|n|3|m:ab\\nc\n");
  EXPECT_EQ(line(check, short_lines(14)), "_sc|n|3|m:ab\n");  // not inside of the escape
  EXPECT_EQ(line(check, short_lines(11)), "_sc|n|3\n");
  EXPECT_EQ(written(check, short_lines(7)), (Written{{}, 0, 1}));
}

TEST(EventLine, HasAllItsFields) {
  metrics::Event event;
  event.title = "leak\nfound";
  event.text = "heap é | grows\nby 2";
  event.time = noon;
  event.host = "web1";
  event.priority = "low";
  event.alert_type = "warning";
  event.aggregation_key = "k|1";
  event.source_type_name = "go_expvar";
  event.tags = {"a:1"};
  LineOptions options;
  options.cardinality = "high";
  EXPECT_EQ(line(event, options),
            "_e{11,21}:leak\\nfound|heap é | grows\\nby 2|d:1735787045|h:web1|k:k_1|p:low"
            "|s:go_expvar|t:warning|#a:1|card:high\n");
}

TEST(EventLine, TakesTimesUpToTheYear9999) {
  metrics::Event event;
  event.title = "t";
  event.time = std::chrono::sys_seconds{std::chrono::seconds{253'402'300'799}};
  EXPECT_EQ(line(event), "_e{1,0}:t||d:253402300799\n");
}

TEST(EventLine, LeavesOutWhatTheAgentDoesNotKnow) {
  metrics::Event event;
  event.title = "t";
  event.priority = "high";
  event.alert_type = "fatal";
  EXPECT_EQ(line(event), "_e{1,0}:t|\n");
  event.title.clear();
  EXPECT_EQ(written(event), (Written{{}, 1, 0}));
}

TEST(EventLine, CutsTheTextToFitAndSaysItsLength) {
  metrics::Event event;
  event.title = "t";
  event.text = "abcdefghijkl";
  EXPECT_EQ(line(event, short_lines(24)), "_e{1,12}:t|abcdefghijkl\n");
  EXPECT_EQ(line(event, short_lines(23)), "_e{1,11}:t|abcdefghijk\n");
  EXPECT_EQ(line(event, short_lines(20)), "_e{1,8}:t|abcdefgh\n");
  event.text = "é";
  EXPECT_EQ(line(event, short_lines(11)), "_e{1,0}:t|\n");
  EXPECT_EQ(written(event, short_lines(10)), (Written{{}, 0, 1}));
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
