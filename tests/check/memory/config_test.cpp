#include "check/memory/config.h"

#include <gmock/gmock.h>

#include "config/value.h"
#include "tests/check/read_config.h"

namespace heapwatch::check::memory {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

auto read(std::string_view instance, std::string_view init_config = "") {
  return read_alone("memory", read_config, instance, init_config);
}

TEST(MemoryConfig, HasDefaults) {
  const auto outcome = read("self: true");
  EXPECT_THAT(outcome.said, IsEmpty());
  ASSERT_TRUE(outcome.config);
  EXPECT_EQ(outcome.config->choice.kind, ChoiceKind::self);
  EXPECT_EQ(outcome.config->target, "self");
  EXPECT_EQ(outcome.config->interval, milliseconds(15'000));
  EXPECT_EQ(outcome.config->walk_interval, milliseconds(60'000));
  EXPECT_EQ(outcome.config->timeout, milliseconds(10'000));
  EXPECT_DOUBLE_EQ(outcome.config->cpu_budget, 0.01);
  EXPECT_EQ(outcome.config->processes_max, 100U);
  EXPECT_FALSE(outcome.config->types);
  EXPECT_EQ(outcome.config->name, "");
  EXPECT_EQ(outcome.config->host, std::nullopt);
}

TEST(MemoryConfig, ReadsEachWayToChooseProcesses) {
  const auto shown = [](std::string_view instance) {
    const auto outcome = read(instance);
    EXPECT_THAT(outcome.said, IsEmpty());
    return outcome.config ? outcome.config->target : "";
  };
  EXPECT_EQ(shown("pid_file: /run/a.pid"), "pid file /run/a.pid");
  EXPECT_EQ(shown("process_name: nginx"), "process nginx");
  EXPECT_EQ(shown("pattern: 'java .*a\\.jar'"), "command line java .*a\\.jar");
  EXPECT_EQ(shown("systemd_unit: nginx"), "unit nginx");
  EXPECT_EQ(shown("cgroup: /a/b"), "control group /a/b");
  EXPECT_EQ(shown("port: 6379"), "port 6379");
  EXPECT_EQ(shown("exec: true\nself: false"), "heapwatch exec");
}

TEST(MemoryConfig, AnAddressOfExpvarsIsAPortAndATag) {
  const auto port = [](std::string_view instance) { return read(instance).config->choice.port; };
  const auto outcome = read("expvar_url: http://localhost:6060");
  EXPECT_THAT(outcome.said, IsEmpty());
  EXPECT_EQ(outcome.config->choice.kind, ChoiceKind::port);
  EXPECT_EQ(outcome.config->choice.port, 6060U);
  EXPECT_THAT(outcome.config->tags, ElementsAre("expvar_url:http://localhost:6060/debug/vars"));
  EXPECT_EQ(port("expvar_url: http://[::1]:7000/debug/vars"), 7000U);
  EXPECT_EQ(port("expvar_url: http://[::1]/debug/vars"), 80U);
  EXPECT_EQ(port("expvar_url: https://u:p@localhost/x"), 443U);
  EXPECT_THAT(read("expvar_url: unix:///run/a.sock").said,
              ElementsAre("f.yaml:1:13: expvar_url must be the address of a TCP port, by which the "
                          "process is found"));
}

TEST(MemoryConfig, TheInstanceWinsOverInitConfig) {
  const std::string init =
      "walk_interval: 30\ncpu_budget: 2\ntimeout: 5\nmax_processes: 7\ntypes: true\ncgroup_root: "
      "/host";
  const auto inherited = read("self: true", init);
  EXPECT_THAT(inherited.said, IsEmpty());
  EXPECT_EQ(inherited.config->walk_interval, milliseconds(30'000));
  EXPECT_EQ(inherited.config->timeout, milliseconds(5'000));
  EXPECT_DOUBLE_EQ(inherited.config->cpu_budget, 0.02);
  EXPECT_EQ(inherited.config->processes_max, 7U);
  EXPECT_TRUE(inherited.config->types);
  EXPECT_EQ(inherited.config->cgroup_root, "/host");
  const auto own = read(
      "self: true\nwalk_interval: 90\ncpu_budget: 0.5\ntimeout: 1\nmax_processes: 1\ntypes: false",
      init);
  EXPECT_EQ(own.config->walk_interval, milliseconds(90'000));
  EXPECT_EQ(own.config->timeout, milliseconds(1'000));
  EXPECT_DOUBLE_EQ(own.config->cpu_budget, 0.005);
  EXPECT_EQ(own.config->processes_max, 1U);
  EXPECT_FALSE(own.config->types);
}

TEST(MemoryConfig, WindowsOfTheVerdictAreLengthsEachLongerThanTheOneBefore) {
  using testing::ElementsAre;
  EXPECT_THAT(read("self: true").config->leak_windows, ElementsAre(600, 3600, 86'400));
  EXPECT_THAT(read("self: true\nleak: false").config->leak_windows, IsEmpty());
  EXPECT_THAT(read("self: true\nleak_windows: [15, 20.5]").config->leak_windows,
              ElementsAre(15, 20.5));
  EXPECT_THAT(read("self: true", "leak_windows: [60]").config->leak_windows, ElementsAre(60));
  EXPECT_THAT(read("self: true", "leak: false").config->leak_windows, IsEmpty());
  EXPECT_THAT(read("self: true\nleak: true", "leak: false").config->leak_windows.size(), 3U);
  const std::string wanted =
      "leak_windows must be one to four lengths in seconds, from 15 to 604800, each longer than "
      "the one before it, such as [600, 3600, 86400]";
  EXPECT_THAT(read("self: true\nleak_windows: [14]").said,
              ElementsAre("f.yaml:2:15: " + wanted + ", not 14 in place 1"));
  EXPECT_THAT(read("self: true\nleak_windows: [60, 60]").said,
              ElementsAre("f.yaml:2:15: " + wanted + ", not 60 in place 2"));
  EXPECT_THAT(read("self: true\nleak_windows: [60, x]").said,
              ElementsAre("f.yaml:2:15: " + wanted + ", not \"x\" in place 2"));
  EXPECT_THAT(read("self: true\nleak_windows: 60").said, ElementsAre("f.yaml:2:15: " + wanted));
  EXPECT_THAT(read("self: true\nleak_windows: [20, 30, 40, 50, 60]").said,
              ElementsAre("f.yaml:2:15: " + wanted));
}

TEST(MemoryConfig, ProfilesAreKeptWhereAFolderIsNamed) {
  EXPECT_EQ(read("self: true").config->profiles.path, "");
  const auto own = read("self: true\nprofile_dir: /a\nmax_profiles: 3\nmax_profile_bytes: 65536");
  EXPECT_EQ(own.config->profiles.path, "/a");
  EXPECT_EQ(own.config->profiles.files_max, 3U);
  EXPECT_EQ(own.config->profiles.bytes_max, 65'536U);
  const auto inherited = read("self: true", "profile_dir: /b\nmax_profiles: 4");
  EXPECT_EQ(inherited.config->profiles.path, "/b");
  EXPECT_EQ(inherited.config->profiles.files_max, 4U);
  EXPECT_EQ(inherited.config->profiles.bytes_max, std::uint64_t{256} << 20);
  EXPECT_THAT(read("self: true\nmax_profiles: 0").said,
              ElementsAre("f.yaml:2:15: instances -> 1 -> max_profiles must be a whole number "
                          "from 1 to 10000, not 0"));
}

TEST(MemoryConfig, AnInstanceTakesOneWayToChoose) {
  constexpr std::string_view ways =
      "one of pid_file, process_name, pattern, systemd_unit, cgroup, port, expvar_url, self, exec";
  EXPECT_THAT(read("tags: [a]").said,
              ElementsAre("f.yaml:1:1: an instance needs " + std::string(ways) +
                          ", to say which processes it watches"));
  EXPECT_THAT(read("self: false").said.size(), 1U);
  EXPECT_THAT(read("process_name: a\nport: 1").said,
              ElementsAre("f.yaml:2:7: an instance takes " + std::string(ways) +
                          ", not both process_name and port"));
}

TEST(MemoryConfig, AnInstanceAttachesToNamedProcessesWhereTheAgentMay) {
  config::AgentConfig may_attach;
  may_attach.attach = true;
  const auto read_with = [](const config::AgentConfig& agent, std::string_view instance) {
    return read_alone("memory", read_config, instance, "", agent);
  };
  EXPECT_FALSE(read_with(may_attach, "process_name: a").config->attach);
  for (const std::string_view named : {"process_name: a", "pid_file: /a", "systemd_unit: a",
                                       "port: 7", "expvar_url: http://a:7"}) {
    const auto outcome = read_with(may_attach, std::string(named) + "\nattach: true");
    EXPECT_THAT(outcome.said, IsEmpty()) << named;
    EXPECT_TRUE(outcome.config->attach) << named;
  }
  EXPECT_THAT(read_with({}, "process_name: a\nattach: true").said,
              ElementsAre("f.yaml:2:9: attach: true needs attach: true in heapwatch.yaml, too, and "
                          "the rights for it"));
  for (const std::string_view others : {"pattern: a", "cgroup: /a", "self: true", "exec: true"}) {
    EXPECT_THAT(read_with(may_attach, std::string(others) + "\nattach: true").said,
                ElementsAre("f.yaml:2:9: attach is for processes that are named: by process_name, "
                            "pid_file, systemd_unit, port or expvar_url"))
        << others;
  }
}

TEST(MemoryConfig, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_THAT(read("pattern: '('").said,
              ElementsAre("f.yaml:1:10: pattern must be a regular expression (RE2): missing ): ("));
  EXPECT_THAT(read("cgroup: a").said,
              ElementsAre("f.yaml:1:9: cgroup must be a path from the root of the control groups, "
                          "as /proc/PID/cgroup has it, not \"a\""));
  EXPECT_THAT(read("process_name: ''").said, ElementsAre("f.yaml:1:15: process_name is empty"));
  EXPECT_THAT(read("port: 0").said.size(), 1U);
  EXPECT_THAT(
      read("self: true\ncpu_budget: 0").said,
      ElementsAre(
          "f.yaml:2:13: instances -> 1 -> cpu_budget must be a number from 0.01 to 100, not 0"));
  EXPECT_THAT(read("self: true\nwalk_intervall: 3").said,
              ElementsAre("f.yaml:2:1: unknown key \"walk_intervall\"; did you mean "
                          "\"walk_interval\"?"));
}

}  // namespace
}  // namespace heapwatch::check::memory
