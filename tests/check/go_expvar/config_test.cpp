#include "check/go_expvar/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/value.h"
#include "tests/check/read_config.h"

namespace heapwatch::check::go_expvar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

auto read(std::string_view instance, std::string_view init_config = "") {
  return read_alone("go_expvar", read_config, instance, init_config);
}

constexpr std::string_view url = "expvar_url: http://u:secret@h:1\n";

CollectorOptions collector(std::string_view rest, std::string_view init_config = "") {
  auto outcome = read(std::string(url) + std::string(rest), init_config);
  EXPECT_THAT(outcome.said, IsEmpty());
  return outcome.config ? outcome.config->collector : CollectorOptions{};
}

std::vector<std::string> said(std::string_view rest) {
  return read(std::string(url) + std::string(rest)).said;
}

TEST(ReadConfig, HasDefaults) {
  const auto outcome = read(url);
  ASSERT_TRUE(outcome.config);
  EXPECT_EQ(outcome.config->target, "http://h:1/debug/vars");
  EXPECT_EQ(outcome.config->request->url, "http://h:1/debug/vars");
  EXPECT_EQ(outcome.config->request->username, "u");
  EXPECT_EQ(outcome.config->interval, std::chrono::seconds(15));
  EXPECT_EQ(outcome.config->collector.prefix, "go_expvar");
  EXPECT_EQ(outcome.config->collector.max_returned_metrics, 350U);
  EXPECT_EQ(outcome.config->collector.naming, Naming::guide);
  EXPECT_THAT(outcome.config->collector.tags, ElementsAre("expvar_url:http://h:1/debug/vars"));
  EXPECT_FALSE(outcome.config->collector.everything);
}

TEST(ReadConfig, ReadsMetrics) {
  const auto options = collector(
      "metrics:\n- path: a/b\n  type: rate\n  alias: x\n  tags: [k:v]\n- path: [shard, x/y]\n");
  ASSERT_EQ(options.metrics.size(), 2U);
  EXPECT_EQ(options.metrics[0].path.text(), "a/b");
  EXPECT_EQ(options.metrics[0].type, metrics::MetricType::rate);
  EXPECT_EQ(options.metrics[0].alias, "x");
  EXPECT_THAT(options.metrics[0].tags, ElementsAre("k:v"));
  EXPECT_EQ(options.metrics[1].path.text(), "shard/x\\/y");
  EXPECT_EQ(options.metrics[1].type, metrics::MetricType::gauge);
  EXPECT_FALSE(options.metrics[1].alias);
}

TEST(ReadConfig, TakesListsThatWereLeftEmpty) {
  const auto options = collector("metrics:\ntags:\n");
  EXPECT_THAT(options.metrics, IsEmpty());
  EXPECT_THAT(options.tags, ElementsAre("expvar_url:http://h:1/debug/vars"));
}

TEST(ReadConfig, TellsANullNamespaceFromNone) {
  EXPECT_EQ(collector("namespace:\n").prefix, std::nullopt);
  EXPECT_EQ(collector("namespace: a.b\n").prefix, "a.b");
}

TEST(ReadConfig, PrefersTheNamingOfTheInstance) {
  EXPECT_EQ(collector("", "naming: reference").naming, Naming::reference);
  EXPECT_EQ(collector("naming: guide\n", "naming: reference").naming, Naming::guide);
}

TEST(ReadConfig, ReadsAuto) {
  const auto options = collector("auto: true\ninclude: [a]\nexclude: [b/.*]\n");
  ASSERT_TRUE(options.everything);
  EXPECT_EQ(options.everything->include.at(0).text(), "a");
  EXPECT_EQ(options.everything->exclude.at(0).text(), "b/.*");
}

TEST(ReadConfig, FiltersByMetricPatterns) {
  const auto options = collector("metric_patterns: {exclude: [secret]}\n");
  EXPECT_TRUE(options.allows("a.b"));
  EXPECT_FALSE(options.allows("a.secret.b"));
}

TEST(ReadConfig, RefusesWrongTypesWithTheirPlaceAndASuggestion) {
  for (const auto& [wrong, meant] :
       {std::pair("guage", "gauge"), std::pair("monotonic_count", "monotonic_counter")}) {
    const auto lines = said(std::string("metrics:\n- path: a\n  type: ") + wrong + "\n");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_THAT(lines[0], testing::StartsWith("f.yaml:4:9: "));
    EXPECT_THAT(lines[0], testing::HasSubstr(wrong));
    EXPECT_THAT(lines[0], testing::HasSubstr(std::string("did you mean \"") + meant + "\"?"));
  }
}

TEST(ReadConfig, AWrongEntryOfMetricsCostsItselfAlone) {
  for (const char* wrong :
       {"path: a\n  type: histogram", "path: a\n  type: ''", "alias: a", "path: ''", "path: []",
        "path: a/(?=b)", "path: a\n  tags: [1]", "7", "", "[]"}) {
    const auto outcome =
        read(std::string(url) + "metrics:\n- path: x\n- " + wrong + "\n- path: y\n");
    ASSERT_TRUE(outcome.config) << wrong;
    const auto& metrics = outcome.config->collector.metrics;
    ASSERT_EQ(metrics.size(), 2U) << wrong;
    EXPECT_EQ(metrics[0].path.text() + metrics[1].path.text(), "xy");
    ASSERT_EQ(outcome.said.size(), 1U) << wrong;
    EXPECT_THAT(outcome.config->lost_entries,
                ElementsAre("this entry is left out: " + outcome.said[0]));
  }
  EXPECT_EQ(read(std::string(url) + "metrics:\n- path: x\n-\n").said.at(0),
            "f.yaml:5:1: instances -> 1 -> metrics -> 2 must be a map of keys and values, not "
            "nothing");
}

TEST(ReadConfig, TellsOfTenWrongEntriesAndCountsTheRest) {
  std::string metrics = "metrics:\n";
  for (int i = 0; i < 12; ++i) {
    metrics += "- type: gauge\n";
  }
  const auto outcome = read(std::string(url) + metrics);
  ASSERT_TRUE(outcome.config);
  EXPECT_EQ(outcome.said.size(), 12U);
  ASSERT_EQ(outcome.config->lost_entries.size(), 11U);
  EXPECT_EQ(outcome.config->lost_entries[10], "and 2 entries more are left out");
}

TEST(ReadConfig, WhatElseIsWrongCostsTheInstance) {
  EXPECT_FALSE(read(std::string(url) + "metrics: a\n").config);
  EXPECT_FALSE(read(std::string(url) + "timeout: a\nmetrics:\n- alias: a\n").config);
}

TEST(ReadConfig, RefusesWrongPathsWithTheirPlace) {
  const auto lines = said("metrics:\n- path: a/(?=b)\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], testing::StartsWith("f.yaml:3:9: "));
  EXPECT_THAT(lines[0], testing::EndsWith("path segment \"(?=b)\" is no regular expression: "
                                          "invalid perl operator: (?="));
}

TEST(ReadConfig, RefusesOneAliasWithTwoTypes) {
  const auto lines = said("metrics:\n- path: a\n  alias: b\n- path: a\n  type: rate\n  alias: b\n");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0],
              testing::EndsWith("path a is listed already at line 3 with this alias as gauge, and "
                                "one name has one type; give it another alias"));
}

TEST(ReadConfig, GivesAPathThatIsListedWithAnotherTypeANameOfItsOwn) {
  const auto options = collector(
      "metrics:\n- path: a\n- path: a\n  type: rate\n- path: a\n  type: monotonic_counter\n"
      "- path: a\n  type: count\n  alias: b\n");
  ASSERT_EQ(options.metrics.size(), 4U);
  EXPECT_EQ(options.metrics[0].suffix, "");
  EXPECT_EQ(options.metrics[1].suffix, ".rate");
  EXPECT_EQ(options.metrics[2].suffix, ".count");
  EXPECT_EQ(options.metrics[3].suffix, "");
}

TEST(ReadConfig, SaysWhereFlushFirstValueHasNoEffect) {
  const auto outcome = read(std::string(url) + "metrics:\n- path: a\n  flush_first_value: true\n");
  ASSERT_TRUE(outcome.config);
  ASSERT_EQ(outcome.said.size(), 1U);
  EXPECT_THAT(outcome.said[0], testing::EndsWith("flush_first_value concerns rate and "
                                                 "monotonic_counter, and has no effect here"));
}

TEST(ReadConfig, LeavesTheHostOutWhereThatIsAskedFor) {
  EXPECT_EQ(collector("").host, std::nullopt);
  EXPECT_EQ(collector("empty_default_hostname: true\n").host, "");
}

TEST(ReadConfig, SendsTheServiceCheckOnlyWhenAsked) {
  EXPECT_EQ(read(url).config.value().can_connect_tags, std::nullopt);
  EXPECT_THAT(
      read(std::string(url) + "can_connect: true\ntags: [a:b]\n").config.value().can_connect_tags,
      testing::Optional(ElementsAre("a:b", "expvar_url:http://h:1/debug/vars")));
}

TEST(ReadConfig, AsksForAProfileOnlyWhenTold) {
  EXPECT_EQ(read(url).config.value().profile, std::nullopt);
  const auto profile = read(std::string(url) + "push_profile: true\ntags: [a:b]\nusername: u\n")
                           .config.value()
                           .profile.value();
  EXPECT_EQ(profile.target, "http://h:1/debug/vars");
  EXPECT_EQ(profile.request->url, "http://h:1/debug/pprof/heap");
  EXPECT_EQ(profile.request->username, "u");
  EXPECT_THAT(profile.tags, ElementsAre("a:b", "expvar_url:http://h:1/debug/vars"));
  EXPECT_FALSE(read(std::string(url) + "push_profile: 3\n").config);
}

TEST(ReadConfig, CollectsOnceWhatIsListedTwice) {
  const auto outcome = read(std::string(url) + "metrics:\n- path: a\n- path: a\n");
  ASSERT_TRUE(outcome.config);
  EXPECT_EQ(outcome.config->collector.metrics.size(), 1U);
  ASSERT_EQ(outcome.said.size(), 1U);
  EXPECT_THAT(outcome.said[0],
              testing::EndsWith("path a is listed already at line 3; it is collected once"));
}

TEST(ReadConfig, WarnsOfUnknownKeys) {
  const auto outcome = read(std::string(url) + "namspace: x\n");
  ASSERT_TRUE(outcome.config);
  ASSERT_EQ(outcome.said.size(), 1U);
  EXPECT_THAT(outcome.said[0], testing::HasSubstr("did you mean \"namespace\"?"));
}

TEST(ReadConfig, NeedsAnAddress) {
  const auto outcome = read("namespace: x\n");
  EXPECT_FALSE(outcome.config);
  ASSERT_EQ(outcome.said.size(), 1U);
  EXPECT_THAT(outcome.said[0], testing::HasSubstr("expvar_url"));
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
