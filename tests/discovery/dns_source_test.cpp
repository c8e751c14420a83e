#include <gmock/gmock.h>

#include "sources.h"
#include "tests/testing/dns_server.h"

namespace heapwatch::discovery {
namespace {

using heapwatch::tests::DnsServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<std::string> dns_records{
    "--srv-host=_http._tcp.shop.test,b.shop.test,8081",
    "--srv-host=_http._tcp.shop.test,a.shop.test,8080",
    "--host-record=a.shop.test,127.0.0.2,fd00::2",
    "--mx-host=shop.test,mail.shop.test,10",
};

std::unique_ptr<Source> dns_source(const DnsServer& server, const std::string& text) {
  auto read =
      read_source(read_dns_source, "{server: '" + server.address() + "', " + text.substr(1));
  EXPECT_THAT(read.messages, IsEmpty());
  return std::move(read.source);
}

Groups asked_of(Source& source) {
  const auto answer = source.ask({});
  EXPECT_TRUE(answer);
  EXPECT_THAT(answer->troubles, IsEmpty());
  return answer->groups;
}

TEST(DnsSource, RecordsBecomeTargetsWithPrometheusLabels) {
  const DnsServer server(dns_records);
  const auto srv = dns_source(server, "{names: [_http._tcp.shop.test]}");
  const Groups both{{.addresses = {"a.shop.test:8080"},
                     .labels = {{"__meta_dns_name", "_http._tcp.shop.test"},
                                {"__meta_dns_srv_record_target", "a.shop.test."},
                                {"__meta_dns_srv_record_port", "8080"}}},
                    {.addresses = {"b.shop.test:8081"},
                     .labels = {{"__meta_dns_name", "_http._tcp.shop.test"},
                                {"__meta_dns_srv_record_target", "b.shop.test."},
                                {"__meta_dns_srv_record_port", "8081"}}}};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(asked_of(*srv), both) << "in the same order each time";
  }
  EXPECT_EQ(srv->options().name, "dns_sd _http._tcp.shop.test");
  EXPECT_EQ(srv->options().refresh_interval, std::chrono::seconds(30));
  EXPECT_TRUE(srv->options().is_remote);
  EXPECT_EQ(
      asked_of(*dns_source(server, "{names: [a.shop.test], type: A, port: 6060}")),
      (Groups{{.addresses = {"127.0.0.2:6060"}, .labels = {{"__meta_dns_name", "a.shop.test"}}}}));
  EXPECT_EQ(
      asked_of(*dns_source(server, "{names: [a.shop.test], type: AAAA, port: 6060}")),
      (Groups{{.addresses = {"[fd00::2]:6060"}, .labels = {{"__meta_dns_name", "a.shop.test"}}}}));
  EXPECT_EQ(asked_of(*dns_source(server, "{names: [shop.test], type: MX, port: 6060}")),
            (Groups{{.addresses = {"mail.shop.test:6060"},
                     .labels = {{"__meta_dns_name", "shop.test"},
                                {"__meta_dns_mx_record_target", "mail.shop.test."}}}}));
}

TEST(DnsSource, ANameThatFailsKeepsItsTargetsAndTheOthersGoOn) {
  DnsServer server(dns_records);
  const auto made =
      dns_source(server, "{names: [a.shop.test, elsewhere.example.], type: A, port: 6060}");
  const Groups known{
      {.addresses = {"10.0.0.1:6060"}, .labels = {{"__meta_dns_name", "a.shop.test"}}},
      {.addresses = {"10.0.0.2:6060"}, .labels = {{"__meta_dns_name", "elsewhere.example."}}}};
  const auto answer = made->ask(known);
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->troubles, ElementsAre(HasSubstr("elsewhere.example.")));
  ASSERT_THAT(answer->groups, SizeIs(2));
  EXPECT_THAT(answer->groups.front().addresses, ElementsAre("127.0.0.2:6060"));
  EXPECT_EQ(answer->groups.back(), known.back());
  server.stop();
  const auto without = made->ask(known);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->groups, known);
  EXPECT_THAT(without->troubles, SizeIs(2));
  server.start({"--host-record=a.shop.test,127.0.0.9"});
  const auto again = made->ask(known);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->groups.front().addresses, ElementsAre("127.0.0.9:6060"));
}

TEST(DnsSource, ANameThatIsGoneTakesItsTargetsAlong) {
  const DnsServer server(dns_records);
  const auto made = dns_source(server, "{names: [gone.test], type: A, port: 1}");
  const auto answer =
      made->ask({{.addresses = {"10.0.0.1:1"}, .labels = {{"__meta_dns_name", "gone.test"}}}});
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->groups, IsEmpty());
  EXPECT_THAT(answer->troubles, IsEmpty());
}

TEST(DnsSource, ItIsAskedAgainNoSoonerThanAfterAWhileHoweverShortARecordHolds) {
  const DnsServer server(dns_records);  // whose records hold for no time at all
  const auto made = dns_source(server, "{names: [a.shop.test], type: A, port: 1}");
  EXPECT_FALSE(made->has_changed());
  EXPECT_THAT(asked_of(*made), SizeIs(1));
  EXPECT_FALSE(made->has_changed());
}

TEST(DnsSource, MoreTargetsThanTheLimitAreAnError) {
  const DnsServer server(dns_records);
  const auto answer =
      dns_source(server, "{names: [_http._tcp.shop.test], max_targets: 1}")->ask({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "2 targets, and the limit of max_targets is 1");
}

TEST(DnsSource, ItIsNotAskedForAnythingOnceItIsToEnd) {
  const DnsServer server(dns_records);
  const auto made = dns_source(server, "{names: [_http._tcp.shop.test]}");
  made->interrupt();
  EXPECT_FALSE(made->ask({}));
}

TEST(DnsSource, WhatIsWrongIsToldWithItsPlace) {
  const auto told = [](const std::string& text) {
    auto read = read_source(read_dns_source, text);
    EXPECT_EQ(read.source, nullptr) << text;
    return read.messages.empty() ? std::string() : read.messages.front();
  };
  EXPECT_EQ(told("{}"), "sd -> names must be a list of 1 to 100 names of DNS");
  EXPECT_EQ(told("{names: ['']}"), "sd -> names must be a list of 1 to 100 names of DNS");
  EXPECT_EQ(told("{names: [a], type: A}"),
            "sd -> port is missing: of all types but SRV the records have none");
  EXPECT_THAT(told("{names: [a], type: TXT}"), HasSubstr("\"TXT\""));
  EXPECT_EQ(told("{names: [a], server: localhost}"),
            "sd -> server: \"localhost\" must be an address of IPv4, with :PORT if need be");
  EXPECT_THAT(told("{names: [a], refresh_interval: 1ms}"), HasSubstr("refresh_interval"));
}

}  // namespace
}  // namespace heapwatch::discovery
