#include "exporters/prometheus/labels.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace heapwatch::exporters::prometheus {
namespace {

std::string rendered(metrics::Tags tags, std::string host = {}, const Labels& constant = {}) {
  return render(labels_of(metrics::TagsAndHost(std::move(tags), host), constant));
}

TEST(MetricName, KeepsWhatPrometheusAllowsAndUnderscoresTheRest) {
  EXPECT_EQ(metric_name("go_expvar.memstats.heap_alloc"), "go_expvar_memstats_heap_alloc");
  EXPECT_EQ(metric_name("a:b-c/d e"), "a:b_c_d_e");
  EXPECT_EQ(metric_name("9lives"), "_9lives");
  EXPECT_EQ(metric_name("größe"), "gr__e") << "one underscore for one character";
  EXPECT_EQ(metric_name("日本"), "__");
  EXPECT_EQ(metric_name(""), "_");
}

TEST(LabelName, HasNoColonNoReservedPrefixAndNoReservedName) {
  EXPECT_EQ(label_name("expvar_url"), "expvar_url");
  EXPECT_EQ(label_name("a:b.c"), "a_b_c");
  EXPECT_EQ(label_name("9"), "_9");
  EXPECT_EQ(label_name("__name__"), "name__");
  EXPECT_EQ(label_name("___9"), "_9");
  EXPECT_EQ(label_name("____"), "_");
  EXPECT_EQ(label_name(""), "_");
  EXPECT_EQ(label_name("_one"), "_one");
  EXPECT_EQ(label_name("le"), "exported_le");
  EXPECT_EQ(label_name("quantile"), "exported_quantile");
  EXPECT_EQ(label_name("__le"), "exported_le");
}

TEST(Labels, SplitTagsAtTheFirstColonAndAreSorted) {
  EXPECT_EQ(rendered({"path:b", "expvar_url:http://h:80/debug/vars"}),
            R"(expvar_url="http://h:80/debug/vars",path="b")");
}

TEST(Labels, OfBareTagsAreTrue) {
  EXPECT_EQ(rendered({"canary"}), R"(canary="true")");
}

TEST(Labels, WithoutAValueAreAbsent) {
  EXPECT_EQ(rendered({"a:", "b:1"}), R"(b="1")");
  EXPECT_EQ(rendered({"a:"}, "", {{"b", ""}}), "");
}

TEST(Labels, OfTheSameNameAreJoined) {
  EXPECT_EQ(rendered({"team:b", "team:a", "te.am:x", "te-am:y"}), R"(te_am="y,x",team="a,b")");
}

TEST(Labels, HoldTheHostOfTheContext) {
  EXPECT_EQ(rendered({"a:1"}, "web-1"), R"(a="1",host="web-1")");
  EXPECT_EQ(rendered({"host:other"}, "web-1"), R"(host="web-1,other")");
}

TEST(Labels, TakeConstantOnesWhereTheTagsSayNothing) {
  EXPECT_EQ(rendered({"env:test"}, "", {{"env", "prod"}, {"region", "eu"}}),
            R"(env="test",region="eu")");
}

TEST(Labels, AreEscaped) {
  EXPECT_EQ(rendered({"a:\"quoted\" back\\slash new\nline ü"}),
            R"(a="\"quoted\" back\\slash new\nline ü")");
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text, false);
  return out;
}

TEST(AppendEscaped, KeepsQuotesUnlessAsked) {
  EXPECT_EQ(escaped("\"\\\n"), "\"\\\\\\n");
}

TEST(AppendEscaped, ReplacesEachByteThatIsNotUtf8) {
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(escaped("a\xFFz"), "a" + replacement + "z");
  EXPECT_EQ(escaped("\xC0\x80"), replacement + replacement) << "overlong";
  EXPECT_EQ(escaped("\xE0\x80\x80"), replacement + replacement + replacement) << "overlong";
  EXPECT_EQ(escaped("\xED\xA0\x80"), replacement + replacement + replacement) << "surrogate";
  EXPECT_EQ(escaped("\xF4\x90\x80\x80"), replacement + replacement + replacement + replacement);
  EXPECT_EQ(escaped("\xC3"), replacement) << "cut short";
  EXPECT_EQ(escaped("é€😀"), "é€😀");
}

}  // namespace
}  // namespace heapwatch::exporters::prometheus
