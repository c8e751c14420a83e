#include "check/go_expvar/instance_names.h"

#include <gtest/gtest.h>

namespace heapwatch::check::go_expvar {
namespace {

config::Value yaml(std::string_view text) {
  config::Diagnostics diagnostics;
  return config::parse_yaml(text, "", diagnostics);
}

InstanceNames names(std::string_view init_config, std::string_view instance,
                    config::MemstatsNames of_agent = config::MemstatsNames::datadog) {
  config::AgentConfig agent;
  agent.prometheus.memstats_names = of_agent;
  return names_of(yaml(init_config), yaml(instance), agent);
}

TEST(InstanceNames, AreThoseOfTheCheckWhereNothingIsSaid) {
  const InstanceNames usual = names("{}", "{}");
  EXPECT_EQ(usual.prefix, "go_expvar");
  EXPECT_EQ(usual.naming, Naming::guide);
  EXPECT_TRUE(usual.memstats);
  EXPECT_EQ(usual.memstats_names, config::MemstatsNames::datadog);
}

TEST(InstanceNames, AnInstanceCountsBeforeItsFileAndTheAgent) {
  using config::MemstatsNames;
  EXPECT_EQ(names("{}", "{}", MemstatsNames::go_collector).memstats_names,
            MemstatsNames::go_collector);
  EXPECT_EQ(names("memstats_names: datadog", "{}", MemstatsNames::go_collector).memstats_names,
            MemstatsNames::datadog);
  EXPECT_EQ(names("memstats_names: datadog", "memstats_names: go_collector").memstats_names,
            MemstatsNames::go_collector);
  EXPECT_EQ(names("naming: reference", "{}").naming, Naming::reference);
  EXPECT_EQ(names("naming: reference", "naming: guide").naming, Naming::guide);
  EXPECT_FALSE(names("{}", "memstats: false").memstats);
}

TEST(InstanceNames, WhatIsWrongIsAsIfItWereNotThere) {
  const InstanceNames wrong =
      names("naming: 1", "{namespace: [a], memstats_names: c, memstats: x}");
  EXPECT_EQ(wrong.prefix, "go_expvar");
  EXPECT_EQ(wrong.naming, Naming::guide);
  EXPECT_TRUE(wrong.memstats);
  EXPECT_EQ(wrong.memstats_names, config::MemstatsNames::datadog);
}

TEST(NamePrefix, IsWhatStandsBeforeEachName) {
  EXPECT_EQ(name_prefix("datadog.agent"), "datadog.agent.");
  EXPECT_EQ(name_prefix(""), ".");
  EXPECT_EQ(name_prefix(std::nullopt), "");
  EXPECT_EQ(name_prefix(names("{}", "namespace: null").prefix), "");
}

TEST(RtloaderNames, AreWhatTheCheckMakesOfThePaths) {
  const std::array paths{"AllocatedBytes", "FreedBytes", "Allocations",
                         "Frees",          "InuseBytes", "UntrackedFrees"};
  const auto known = rtloader_names();
  ASSERT_EQ(known.size(), paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::string bytes;
    expvar::KeyPath::append(bytes, "rtloader");
    expvar::KeyPath::append(bytes, paths[i]);
    const expvar::KeyPath path(bytes);
    EXPECT_EQ(metric_name(path, "x", Naming::guide), "x.rtloader." + std::string(known[i].guide));
    EXPECT_EQ(metric_name(path, "x", Naming::reference),
              "x.rtloader." + std::string(known[i].reference));
  }
}

}  // namespace
}  // namespace heapwatch::check::go_expvar
