// The addresses in heapwatch.yaml: where the agent listens, and where it sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent_config_fixture.h"
#include "config/web_config.h"

namespace heapwatch::config {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(AgentConfigTest, ListensAtAHostAndAPort) {
  for (const char* right : {"0.0.0.0:0", ":9464", "[::1]:9464", "host:65535"}) {
    EXPECT_EQ(load("prometheus: {listen: '" + std::string(right) + "'}").prometheus.listen, right);
    EXPECT_THAT(said_, Each(StartsWith("warning ")));
  }
  for (const char* wrong :
       {"", "9464", "host", "h:", "h:65536", "h:-1", "h:1e3", "::1:9464", "h:80 "}) {
    EXPECT_EQ(load("prometheus: {listen: '" + std::string(wrong) + "'}").prometheus.listen,
              "127.0.0.1:9464");
    EXPECT_THAT(said_, ElementsAre("error heapwatch.yaml:1:22: prometheus -> listen must be "
                                   "HOST:PORT or :PORT, such as 127.0.0.1:9464, not \"" +
                                   std::string(wrong) + "\""));
  }
}

constexpr const char* bare =
    ", and it has neither a password nor TLS: let a firewall or a proxy decide who comes, "
    "name a file in web -> config_file, or listen on 127.0.0.1";

TEST_F(AgentConfigTest, APageThatOtherMachinesReachIsAWarning) {
  (void)load("expvar_host: 0.0.0.0\nprometheus: {listen: ':9464'}\n");
  EXPECT_THAT(
      said_,
      ElementsAre(std::string("warning heapwatch.yaml:1:14: expvar_host \"0.0.0.0\" lets other "
                              "machines read heapwatch's own page (status, addresses of "
                              "targets; not profiles)") +
                      bare,
                  std::string("warning heapwatch.yaml:2:22: prometheus -> listen \":9464\" lets "
                              "other machines read the metrics page") +
                      bare));
  (void)load("", {{"DD_PROMETHEUS_LISTEN", "[::]:9464"}});
  EXPECT_THAT(said_, ElementsAre(std::string("warning DD_PROMETHEUS_LISTEN: prometheus -> listen "
                                             "\"[::]:9464\" lets other machines read the metrics "
                                             "page") +
                                 bare));
}

TEST_F(AgentConfigTest, APageBehindAFileOfRulesIsNone) {
  const auto config = load(
      "expvar_host: 0.0.0.0\nprometheus: {listen: ':9464'}\n"
      "web: {config_file: /etc/heapwatch/web.yml}\n");
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_EQ(web_config_file(config), "/etc/heapwatch/web.yml");
  (void)load("expvar_host: 0.0.0.0\nprometheus: {enabled: false}",
             {{"DD_WEB_CONFIG_FILE", "/x.yml"}});
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(AgentConfigTest, APageForThisMachineAloneOrThatIsOffIsNone) {
  for (const char* text :
       {"expvar_host: localhost\nprometheus: {listen: 'localhost:1', probe: true}",
        "expvar_host: '::1'\nprometheus: {listen: '[::1]:1', probe: true}",
        "expvar_host: 127.9.9.9\nprometheus: {listen: '127.0.0.2:1', probe: true}",
        "expvar_host: 0.0.0.0\nexpvar_port: 0\n"
        "prometheus: {enabled: false, listen: ':1', probe: true}"}) {
    (void)load(text);
    EXPECT_THAT(said_, IsEmpty()) << text;
  }
}

TEST_F(AgentConfigTest, AnOpenProbeIsAnError) {
  (void)load("prometheus:\n  probe: true\n  listen: 0.0.0.0:9464\n");
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[0],
            "error heapwatch.yaml:2:10: prometheus -> probe at \"0.0.0.0:9464\" would let other "
            "machines ask what only this one reaches: list what they may name in prometheus -> "
            "probe_targets, or listen on 127.0.0.1");
  (void)load("prometheus:\n  probe: true\n  listen: 0.0.0.0:9464\n  probe_targets: [app-1]\n");
  EXPECT_THAT(said_, ElementsAre(StartsWith("warning ")));
}

TEST_F(AgentConfigTest, DogStatsdIsOnWhenAnAddressIsConfigured) {
  EXPECT_EQ(address(""), "off");
  EXPECT_EQ(address("dogstatsd_enabled: true"), "udp://127.0.0.1:8125");
  EXPECT_EQ(address("dogstatsd_enabled: false\ndogstatsd_host: h"), "off");
  EXPECT_EQ(address("dogstatsd_socket: ''\ndogstatsd_host: ''\n"), "off");
  EXPECT_EQ(address("dogstatsd_host: h", {{"DD_DOGSTATSD_DISABLE", "true"}}), "off");
  EXPECT_EQ(address("dogstatsd_host: h", {{"DD_DOGSTATSD_DISABLE", "false"}}), "udp://h:8125");
}

TEST_F(AgentConfigTest, AnAddressComesFromTheFirstThatSaysOne) {
  const Variables all = {{"DD_DOGSTATSD_URL", "udp://u:1"},
                         {"DD_AGENT_HOST", "a"},
                         {"DD_DOGSTATSD_PORT", "2"},
                         {"DD_DOGSTATSD_SOCKET", "/s"}};
  Variables some = all;
  const char* const file = "dogstatsd_host: h\ndogstatsd_port: 4\ndogstatsd_socket: /fs\n";
  EXPECT_EQ(address(std::string("dogstatsd_url: udp://f:3\n") + file, some), "udp://u:1");
  EXPECT_EQ(address("", some), "udp://u:1");
  some.erase("DD_DOGSTATSD_URL");
  EXPECT_EQ(address(std::string("dogstatsd_url: udp://f:3\n") + file, some), "udp://f:3");
  EXPECT_EQ(address(file, some), "udp://a:2");
  EXPECT_EQ(address(file), "udp://h:4");
  EXPECT_EQ(address("dogstatsd_socket: /fs\ndogstatsd_port: 4\n"), "unix:///fs");
  EXPECT_EQ(address("", some), "udp://a:2");
  some["DD_DOGSTATSD_HOST"] = "own";
  EXPECT_EQ(address("", some), "udp://own:2");
  some.erase("DD_DOGSTATSD_HOST");
  some.erase("DD_AGENT_HOST");
  EXPECT_EQ(address("", some), "unix:///s");
  some.erase("DD_DOGSTATSD_SOCKET");
  EXPECT_EQ(address("", some), "udp://127.0.0.1:2");
  EXPECT_EQ(address("dogstatsd_port: 5", some), "udp://127.0.0.1:2");
  EXPECT_EQ(address("dogstatsd_port: 5"), "udp://127.0.0.1:5");
}

TEST_F(AgentConfigTest, AHostMayBeAnAddress) {
  const auto host = [&](const char* text) { return address("", {{"DD_AGENT_HOST", text}}); };
  EXPECT_EQ(host("h:9"), "udp://h:9");
  EXPECT_EQ(host("unix:///var/run/d.sock"), "unix:///var/run/d.sock");
  EXPECT_EQ(host("::1"), "udp://[::1]:8125");
  EXPECT_EQ(host("[::1]"), "udp://[::1]:8125");
  EXPECT_EQ(host("[fe80::1]:9"), "udp://[fe80::1]:9");
  EXPECT_EQ(address("", {{"DD_AGENT_HOST", "h:9"}, {"DD_DOGSTATSD_PORT", "7"}}), "udp://h:9");
}

TEST_F(AgentConfigTest, ReadsAllSpellingsOfAUrl) {
  for (const char* right : {"unix:///a", "unixgram:///a", "unixstream:///a", "udp://h:1"}) {
    EXPECT_EQ(address("dogstatsd_url: " + std::string(right)), right);
  }
  EXPECT_EQ(address("dogstatsd_url: udp://h"), "udp://h:8125");
  EXPECT_EQ(address("dogstatsd_socket: unixstream:///a"), "unixstream:///a");
}

TEST_F(AgentConfigTest, WrongAddressesAreErrors) {
  const auto said = [&](std::string_view text) {
    EXPECT_EQ(address(text), "off");
    return said_.size() == 1 ? said_[0] : "";
  };
  EXPECT_EQ(said("dogstatsd_url: tcp://h:1"),
            "error heapwatch.yaml:1:16: dogstatsd_url must begin with udp://, unix://, unixgram:// "
            "or unixstream://, not \"tcp://h:1\"");
  EXPECT_EQ(said("dogstatsd_url: unix://a.sock"),
            "error heapwatch.yaml:1:16: dogstatsd_url must name an absolute path, such as "
            "unix:///var/run/datadog/dsd.socket, not \"unix://a.sock\"");
  for (const char* port : {"0", "65536", "x", "", "1e3"}) {
    EXPECT_EQ(
        said("dogstatsd_host: 'h:" + std::string(port) + "'"),
        "error heapwatch.yaml:1:17: dogstatsd_host must have a port from 1 to 65535, not \"h:" +
            std::string(port) + "\"");
  }
  for (const char* host : {":1", "a b", "u@h", "[::1", "[]", "[::1]x:1", "a]"}) {
    EXPECT_EQ(said("dogstatsd_host: '" + std::string(host) + "'"),
              "error heapwatch.yaml:1:17: dogstatsd_host must be HOST:PORT, such as "
              "127.0.0.1:8125, not \"" +
                  std::string(host) + "\"");
  }
  EXPECT_EQ(said("dogstatsd_socket: a.sock"),
            "error heapwatch.yaml:1:19: dogstatsd_socket must be an absolute path, not \"a.sock\"");
}

TEST_F(AgentConfigTest, AnAddressFromASecretIsShownAsItsHandle) {
  const std::string program = folder_.write(
      "backend",
      "#!/bin/sh\nprintf '{\"h\": {\"value\": \"s3cret\"}, \"s\": {\"value\": \"/s3cret\"}}'\n",
      0700);
  const std::string command = "secret_backend_command: " + program + "\n";
  const auto shown = [&](const std::string& text, const Variables& variables = {}) {
    return load(command + text, variables).dogstatsd.url_shown_as;
  };
  EXPECT_EQ(shown("dogstatsd_host: ENC[h]"), "ENC[h]");
  EXPECT_EQ(shown("dogstatsd_socket: ENC[s]"), "ENC[s]");
  EXPECT_EQ(shown("dogstatsd_socket: ENC[s]\ndogstatsd_host: plain"), "");
  EXPECT_EQ(shown("dogstatsd_host: ENC[h]", {{"DD_AGENT_HOST", "plain"}}), "");
  EXPECT_EQ(shown("dogstatsd_host: plain", {{"DD_DOGSTATSD_HOST", "ENC[h]"}}), "ENC[h]");
  (void)load(command + "prometheus: {probe_targets: [a, 'ENC[s]']}");
  EXPECT_THAT(said_,
              ElementsAre(::testing::EndsWith("such as app-1:8080 or .example.com, not a secret")));
}

}  // namespace
}  // namespace heapwatch::config
