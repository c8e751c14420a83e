#include "check/instance_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::check {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

struct Outcome {
  std::optional<InstanceOptions> options;
  std::vector<std::string> said;
};

Outcome read(std::string_view instance_text, std::string_view init_text = "") {
  config::Diagnostics diagnostics;
  const auto instance_value = config::parse_yaml(instance_text, "f.yaml", diagnostics);
  const auto init_value = config::parse_yaml(init_text, "f.yaml", diagnostics);
  config::Section instance(instance_value, "f.yaml", diagnostics);
  config::Section init_config(init_value, "f.yaml", diagnostics);
  config::AgentConfig agent;
  agent.min_collection_interval = milliseconds(20'000);
  Outcome outcome{read_instance_options(init_config, instance, "go_expvar", agent), {}};
  instance.finish();
  for (const auto& diagnostic : diagnostics.all()) {
    outcome.said.push_back(to_text(diagnostic));
  }
  return outcome;
}

TEST(InstanceOptions, TagsEndWithTheService) {
  EXPECT_THAT(read("tags: [a:b]\nservice: own", "service: all").options->tags,
              ElementsAre("a:b", "service:own"));
  EXPECT_THAT(read("tags:", "service: all").options->tags, ElementsAre("service:all"));
}

TEST(InstanceOptions, TheIntervalIsTheInstancesTheInitConfigsOrTheAgents) {
  EXPECT_EQ(read("").options->interval, milliseconds(20'000));
  EXPECT_EQ(read("", "min_collection_interval: 30").options->interval, milliseconds(30'000));
  EXPECT_EQ(read("min_collection_interval: 0.5", "min_collection_interval: 30").options->interval,
            milliseconds(500));
  EXPECT_EQ(read("min_collection_interval: '15'").options->interval, milliseconds(15'000));
}

TEST(InstanceOptions, AnIntervalHasNoUnitAndALimit) {
  const auto outcome = read("min_collection_interval: 15s");
  EXPECT_FALSE(outcome.options.has_value());
  EXPECT_THAT(outcome.said,
              ElementsAre("f.yaml:1:26: min_collection_interval must be a number of seconds from "
                          "0.1 to 604800, not \"15s\""));
  EXPECT_FALSE(read("min_collection_interval: 0.05").options.has_value());
}

TEST(InstanceOptions, GenericTagsAreRenamedWhenAskedFor) {
  EXPECT_THAT(read("tags: ['env:x', host, 'hosts:x', 'expvar_url:y']\ndisable_generic_tags: true")
                  .options->tags,
              ElementsAre("go_expvar_env:x", "go_expvar_host", "hosts:x", "expvar_url:y"));
  for (const char* key : {"cluster_name", "clustername", "cluster", "clusterid", "cluster_id",
                          "env", "host_name", "hostname", "host", "service", "version"}) {
    EXPECT_EQ(without_generic_key(std::string(key) + ":v", "c"), "c_" + std::string(key) + ":v");
  }
}

TEST(InstanceOptions, PatternsSearchTheNameAndExcludeWins) {
  const auto patterns =
      read("metric_patterns: {include: ['heap', '^a|b$'], exclude: ['heap_idle']}")
          .options->metric_patterns;
  EXPECT_TRUE(patterns.allows("go.heap_alloc"));
  EXPECT_FALSE(patterns.allows("go.heap_idle"));
  EXPECT_TRUE(patterns.allows("abc"));
  EXPECT_TRUE(patterns.allows("xb"));
  EXPECT_FALSE(patterns.allows("xyz"));
}

TEST(InstanceOptions, WithoutPatternsEverythingGoesOut) {
  EXPECT_TRUE(read("").options->metric_patterns.allows("x"));
  EXPECT_TRUE(
      read("metric_patterns: {include: [], exclude:}").options->metric_patterns.allows("x"));
}

TEST(InstanceOptions, AWrongPatternIsNamed) {
  const auto outcome = read("metric_patterns: {include: [a, '(?=b)']}");
  EXPECT_FALSE(outcome.options.has_value());
  EXPECT_THAT(
      outcome.said,
      ElementsAre("f.yaml:1:32: metric_patterns -> include -> 2 must be a regular expression "
                  "(RE2): invalid perl operator: (?="));
}

TEST(InstanceOptions, TheRestIsReadOrAccepted) {
  const auto outcome = read(
      "name: n\nloader: core\nempty_default_hostname: yes\nno_index: true\n"
      "enable_legacy_tags_normalization: false");
  EXPECT_THAT(outcome.said, testing::IsEmpty());
  EXPECT_EQ(outcome.options->name, "n");
  EXPECT_EQ(outcome.options->loader, "core");
  EXPECT_TRUE(outcome.options->empty_default_hostname);
}

}  // namespace
}  // namespace heapwatch::check
