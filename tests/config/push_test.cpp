// `profiles` in heapwatch.yaml: what it comes to, and what is wrong with it.
#include <gmock/gmock.h>

#include "agent_config_fixture.h"
#include "config/receivers.h"

namespace heapwatch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProfilesConfigTest : public AgentConfigTest {
 protected:
  ProfilesConfig read(const std::string& text, const Variables& variables = {}) {
    return profiles_of(load(text, variables).settings);
  }
};

TEST_F(ProfilesConfigTest, AUrlAloneIsEnough) {
  PushConfig expected;
  expected.name = "host:4040";
  expected.url = "http://host:4040";
  expected.sample_age_limit = std::chrono::hours(1);
  expected.disk_max_size = 0;
  const ProfilesConfig all{.push = {expected}, .interval = std::chrono::seconds(60)};
  EXPECT_EQ(read("profiles:\n  push:\n  - url: http://host:4040\n"), all);
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_EQ(read("profiles: {push: http://host:4040}\n"), all);
  EXPECT_EQ(read("", {{"DD_PROFILES_PUSH", "http://host:4040"}}), all);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(ProfilesConfigTest, WithoutAReceiverNothingIsPushed) {
  EXPECT_EQ(read(""), ProfilesConfig{});
  EXPECT_EQ(read("profiles:\n"), ProfilesConfig{});
}

TEST_F(ProfilesConfigTest, TheKeysAreThoseOfRemoteWriteAndTheApi) {
  const ProfilesConfig profiles = read(R"(
profiles:
  interval: 15
  push:
  - url: https://a/
    api: ingest_form
    external_labels: {cluster: c}
    headers: {X-Scope-OrgID: team}
    basic_auth: {username: u, password_file: p}
    queue_config: {sample_age_limit: 5m, disk_max_size: 1048576, disk_path: queue}
  - url: http://b/
    api: ingest
)");
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_EQ(profiles.interval, std::chrono::seconds(15));
  ASSERT_EQ(profiles.push.size(), 2U);
  const PushConfig& push = profiles.push[0];
  const std::string root = folder_.path().string() + "/";
  EXPECT_EQ(push.api, ProfileApi::ingest_form);
  EXPECT_THAT(push.external_labels, ElementsAre(std::pair("cluster", "c")));
  EXPECT_THAT(push.headers, ElementsAre(std::pair("X-Scope-OrgID", "team")));
  EXPECT_EQ(push.password_file, root + "p");
  EXPECT_EQ(push.sample_age_limit, std::chrono::minutes(5));
  EXPECT_EQ(push.disk_max_size, 1'048'576U);
  EXPECT_EQ(push.disk_path, root + "queue");
  EXPECT_EQ(profiles.push[1].api, ProfileApi::ingest);
}

TEST_F(ProfilesConfigTest, AVariableGoesBeforeTheFile) {
  const std::string file = "profiles: {interval: 30, push: http://a/}\n";
  EXPECT_EQ(read(file, {{"DD_PROFILES_INTERVAL", "5"}}).interval, std::chrono::seconds(5));
  EXPECT_EQ(read(file, {{"DD_PROFILES_PUSH", "http://b/"}}).push.front().url, "http://b/");
  EXPECT_EQ(read(file).interval, std::chrono::seconds(30));
}

TEST_F(ProfilesConfigTest, WhatIsWrongIsSaidWithItsPlace) {
  (void)load(
      "profiles:\n  interval: 0.5\n  push:\n  - url: http://a/?b=c\n    api: pull\n  - name: x\n"
      "  pusch: 1\n");
  EXPECT_THAT(
      said_,
      ::testing::UnorderedElementsAre(
          HasSubstr("error heapwatch.yaml:2:13: profiles -> interval must be"),
          "error heapwatch.yaml:4:10: profiles -> push -> 1 -> url must have no query: heapwatch "
          "adds what the API has to its path",
          HasSubstr("error heapwatch.yaml:5:10: "),
          "error heapwatch.yaml:6:5: profiles -> push -> 2 -> url is missing",
          HasSubstr("did you mean \"push\"?")));
  (void)load("profiles: {push: 'ftp://a'}\n");
  EXPECT_THAT(said_, ElementsAre(HasSubstr("profiles -> push -> url must be an http or https")));
  (void)load("", {{"DD_PROFILES_PUSH", "ftp://a"}});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("url must be an http or https")));
}

}  // namespace
}  // namespace heapwatch::config
