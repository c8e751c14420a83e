// `remote_write` in heapwatch.yaml: what it comes to, and what is wrong with it.
#include <gmock/gmock.h>

#include "agent_config_fixture.h"
#include "config/duration.h"
#include "config/receivers.h"

namespace heapwatch::config {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RemoteWriteConfigTest : public AgentConfigTest {
 protected:
  std::vector<RemoteWriteConfig> read(const std::string& text) {
    return remote_write_of(load(text).settings);
  }
  /// What is said of an entry with a right URL and this.
  std::vector<std::string> said(const std::string& more) {
    (void)load("remote_write:\n- url: http://a/\n  " + more + "\n");
    return said_;
  }
};

TEST_F(RemoteWriteConfigTest, AUrlAloneIsEnough) {
  const auto remote = read("remote_write:\n- url: https://host:9/api/v1/write\n");
  EXPECT_THAT(said_, IsEmpty());
  RemoteWriteConfig expected;
  expected.name = "host:9";
  expected.url = "https://host:9/api/v1/write";
  EXPECT_THAT(remote, ElementsAre(expected));
  EXPECT_EQ(read("remote_write: https://host:9/api/v1/write\n"), remote);
  EXPECT_EQ(
      remote_write_of(load("", {{"DD_REMOTE_WRITE", "https://host:9/api/v1/write"}}).settings),
      remote);
  EXPECT_THAT(read(""), IsEmpty());
}

TEST_F(RemoteWriteConfigTest, PrometheusKeysAreReadAsPrometheusReadsThem) {
  const auto all = read(R"(
remote_write:
- name: main
  url: http://a/
  remote_timeout: 1m30s
  protobuf_message: io.prometheus.write.v2.Request
  headers: {X-Scope-OrgID: team}
  external_labels: {cluster: c, __replica__: r}
  follow_redirects: false
  send_exemplars: true
  enable_http2: true
  basic_auth: {username: u, password_file: secrets/p}
  tls_config: {ca_file: ca.pem, cert_file: /c.pem, key_file: /k.pem, server_name: n, insecure_skip_verify: true, min_version: TLS12}
  proxy_url: http://proxy:1
  no_proxy: "a, .b"
  queue_config:
    capacity: 10000
    min_shards: 1
    max_shards: 200
    max_samples_per_send: 500
    batch_send_deadline: 1s
    min_backoff: 50ms
    max_backoff: 1m
    retry_on_http_429: false
    sample_age_limit: 2h
    memory_max_size: 1048576
    disk_max_size: 2097152
    disk_path: queue
  metadata_config: {send: false, send_interval: 2m, max_samples_per_send: 5}
)");
  EXPECT_THAT(said_, IsEmpty());
  const std::string root = folder_.path().string() + "/";
  RemoteWriteConfig expected;
  expected.name = "main";
  expected.url = "http://a/";
  expected.remote_timeout = milliseconds(90'000);
  expected.version_2 = true;
  expected.headers = {{"X-Scope-OrgID", "team"}};
  expected.external_labels = {{"cluster", "c"}, {"__replica__", "r"}};
  expected.follow_redirects = false;
  expected.username = "u";
  expected.password_file = root + "secrets/p";
  expected.tls = {.ca_file = root + "ca.pem",
                  .cert_file = "/c.pem",
                  .key_file = "/k.pem",
                  .server_name = "n",
                  .insecure_skip_verify = true};
  expected.proxy_url = "http://proxy:1";
  expected.no_proxy = {"a", ".b"};
  expected.max_shards = 12;
  expected.max_samples_per_send = 500;
  expected.batch_send_deadline = milliseconds(1000);
  expected.min_backoff = milliseconds(50);
  expected.max_backoff = milliseconds(60'000);
  expected.retry_on_http_429 = false;
  expected.sample_age_limit = milliseconds(7'200'000);
  expected.memory_max_size = 1'048'576;
  expected.disk_max_size = 2'097'152;
  expected.disk_path = root + "queue";
  expected.send_metadata = false;
  expected.metadata_interval = milliseconds(120'000);
  EXPECT_THAT(all, ElementsAre(expected));
}

TEST_F(RemoteWriteConfigTest, OAuth2AndAuthorizationAreRead) {
  const auto all = read(R"(
remote_write:
- url: http://a/
  oauth2:
    client_id: me
    client_secret_file: s
    token_url: https://t/
    scopes: [x]
    endpoint_params: {audience: y}
    tls_config: {ca_file: ca}
- url: http://b/
  authorization: {credentials: abc}
- url: http://c/
  authorization: {type: Token, credentials_file: t}
)");
  EXPECT_THAT(said_, IsEmpty());
  ASSERT_EQ(all.size(), 3U);
  const std::string root = folder_.path().string() + "/";
  EXPECT_EQ(all[0].oauth2, (RemoteOAuth2Config{.client_id = "me",
                                               .client_secret = {},
                                               .client_secret_file = root + "s",
                                               .scopes = {"x"},
                                               .token_url = "https://t/",
                                               .token_url_shown_as = {},
                                               .endpoint_params = {{"audience", "y"}},
                                               .tls = {.ca_file = root + "ca"}}));
  EXPECT_EQ(all[1].authorization_type + " " + all[1].credentials, "Bearer abc");
  EXPECT_EQ(all[2].authorization_type + " " + all[2].credentials_file, "Token " + root + "t");
}

TEST_F(RemoteWriteConfigTest, ReceiversAreCalledByTheirHostsAndHaveNamesOfTheirOwn) {
  const auto all = read("remote_write:\n- url: http://a/x\n- url: http://a/y\n");
  EXPECT_EQ(all[0].name, "a");
  EXPECT_EQ(all[1].name.substr(0, 2), "a-");
  EXPECT_EQ(all[1].name.size(), 8U);
  (void)load("remote_write:\n- {url: http://a/, name: n}\n- {url: http://b/, name: n}\n");
  EXPECT_THAT(said_, ElementsAre("error heapwatch.yaml:3:26: remote_write -> 2 -> name must be one "
                                 "that no other receiver has, not \"n\""));
}

TEST_F(RemoteWriteConfigTest, WhatIsWrongIsSaidWithItsPlace) {
  const std::string at = "error heapwatch.yaml:3:";
  (void)load("remote_write:\n- name: a\n");
  EXPECT_THAT(said_, ElementsAre("error heapwatch.yaml:2:3: remote_write -> 1 -> url is missing"));
  (void)load("remote_write:\n- url: http://me:pass@a/\n");
  EXPECT_THAT(
      said_, ElementsAre(::testing::HasSubstr("must be an http or https URL without credentials")));
  (void)load("remote_write: {url: http://a/}\n");
  EXPECT_THAT(
      said_,
      ElementsAre("error heapwatch.yaml:1:15: remote_write must be a list of maps, not a map"));
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"remote_timeout: soon",
       "remote_write -> 1 -> remote_timeout must be a duration from 1ms to 1h, such as 30s or "
       "1m30s, "
       "not \"soon\""},
      {"protobuf_message: v2",
       "unknown remote_write -> 1 -> protobuf_message \"v2\"; one of prometheus.WriteRequest, "
       "io.prometheus.write.v2.Request"},
      {"headers: {content-type: x}",
       "remote_write -> 1 -> headers -> content-type is set by heapwatch itself"},
      {"headers: {Authorization: x}",
       "remote_write -> 1 -> headers -> Authorization is set by heapwatch itself; use basic_auth, "
       "authorization or oauth2"},
      {"headers: {'a b': x}",
       "remote_write -> 1 -> headers -> a b must be the name of a header, with a value of one "
       "line"},
      {"external_labels: {'9': x}",
       "remote_write -> 1 -> external_labels -> 9 must be the name of a label: letters, digits and "
       "\"_\", no digit first, and none of __name__, le, quantile"},
      {"external_labels: {__name__: x}",
       "remote_write -> 1 -> external_labels -> __name__ must be the name of a label: letters, "
       "digits "
       "and \"_\", no digit first, and none of __name__, le, quantile"},
      {"queue_config: {max_shards: 0}",
       "remote_write -> 1 -> queue_config -> max_shards must be a whole number from 1 to 10000, "
       "not 0"},
      {"queue_config: {disk_max_size: 5}",
       "remote_write -> 1 -> queue_config -> disk_max_size must be 0 or at least 1048576, not 5"},
      {"queue_config: {min_backoff: 10s}",
       "remote_write -> 1 -> queue_config -> min_backoff is longer than max_backoff"},
      {"basic_auth: {password: x}", "remote_write -> 1 -> basic_auth -> username is missing"},
      {"tls_config: {cert_file: x}",
       "remote_write -> 1 -> tls_config -> key_file is missing; a certificate and its key go "
       "together"},
      {"tls_config: {min_version: TLS13}",
       "unknown remote_write -> 1 -> tls_config -> min_version \"TLS13\"; did you mean \"TLS10\", "
       "\"TLS11\" or \"TLS12\"? one of TLS10, TLS11, TLS12"},
      {"authorization: {type: Basic, credentials: x}",
       "remote_write -> 1 -> authorization -> type basic is not supported; use basic_auth"},
      {"authorization: {}",
       "remote_write -> 1 -> authorization -> credentials is missing, or credentials_file"},
      {"oauth2: {client_id: a, client_secret: b}",
       "remote_write -> 1 -> oauth2 -> token_url is missing"},
      {"sigv4: {region: x}",
       "remote_write -> 1 -> sigv4 is not supported; send through a proxy that signs"},
  };
  for (const auto& [text, message] : wrong) {
    const auto lines = said(text);
    ASSERT_EQ(lines.size(), 1U) << text << ::testing::PrintToString(lines);
    EXPECT_EQ(lines[0].substr(0, at.size()), at) << lines[0];
    EXPECT_EQ(lines[0].substr(lines[0].find(": ") + 2), message);
  }
}

TEST_F(RemoteWriteConfigTest, OneWayToSayWhoAsksIsEnough) {
  const auto lines = said("basic_auth: {username: u}\n  authorization: {credentials: c}");
  EXPECT_THAT(lines, ElementsAre(::testing::HasSubstr(
                         "basic_auth, authorization and oauth2 exclude each other; keep one")));
}

TEST_F(RemoteWriteConfigTest, ErrorsDoNotShowSecrets) {
  for (const char* const text :
       {"basic_auth: {username: u, password: 12345}", "authorization: {credentials: 12345}",
        "oauth2: {client_id: a, client_secret: 12345, token_url: http://t/}"}) {
    for (const std::string& line : said(text)) {
      EXPECT_EQ(line.find("12345"), std::string::npos) << line;
    }
    EXPECT_FALSE(said_.empty());
  }
}

TEST(Duration, IsReadAsPrometheusWritesIt) {
  EXPECT_EQ(parse_duration("30ms"), milliseconds(30));
  EXPECT_EQ(parse_duration("5s"), milliseconds(5000));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("1d2h3m4s5ms"), milliseconds(93'784'005));
  EXPECT_EQ(parse_duration("1y"), milliseconds(std::int64_t{365} * 86'400'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("2.5"), milliseconds(2500));
  for (const char* const wrong :
       {"", "s", "1m1h", "1s1s", "-1s", "1.5s", "5 s", "5S", "9999999999y", "1e99"}) {
    EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace heapwatch::config
