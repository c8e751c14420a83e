#include "agent/pages/probe.h"

#include <gmock/gmock.h>

#include <memory>

namespace heapwatch::agent::pages {
namespace {

TEST(MayProbe, TakesTheLoopbackAloneWhenNothingIsAllowed) {
  for (const char* const host : {"localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(may_probe(host, 80, {})) << host;
  }
  for (const char* const host : {"example.org", "10.0.0.1", "::2", "localhost.example.org"}) {
    EXPECT_FALSE(may_probe(host, 80, {})) << host;
  }
}

TEST(MayProbe, TakesHostsWithAndWithoutTheirPort) {
  EXPECT_TRUE(may_probe("a.example", 80, {"a.example"}));
  EXPECT_TRUE(may_probe("a.example", 80, {"A.Example:80"}));
  EXPECT_FALSE(may_probe("a.example", 81, {"a.example:80"}));
  EXPECT_FALSE(may_probe("b.example", 80, {"a.example"}));
  EXPECT_FALSE(may_probe("localhost", 80, {"a.example"}));
}

TEST(MayProbe, TakesHostsBelowADomainAndNotTheDomain) {
  EXPECT_TRUE(may_probe("a.b.example", 80, {".example"}));
  EXPECT_FALSE(may_probe("example", 80, {".example"}));
  EXPECT_FALSE(may_probe("badexample", 80, {".example"}));
}

TEST(MayProbe, TakesAddressesOfIpv6WithAndWithoutBrackets) {
  EXPECT_TRUE(may_probe("::2", 80, {"::2"}));
  EXPECT_TRUE(may_probe("::2", 80, {"[::2]"}));
  EXPECT_TRUE(may_probe("::2", 80, {"[::2]:80"}));
  EXPECT_FALSE(may_probe("::2", 81, {"[::2]:80"}));
}

net::ServerReply probe(const std::string& query) {
  Probe probe([] { return std::make_shared<const wiring::InForce>(); });
  net::ServerRequest request;
  request.method = "GET";
  request.path = "/probe";
  request.query = query;
  return probe.answer(request);
}

TEST(Probe, SaysWhatIsWrongWithARequest) {
  EXPECT_EQ(probe("").body, "say which: /probe?target=http://HOST:PORT/debug/vars\n");
  const net::ServerReply elsewhere = probe("target=http://a.example/debug/vars");
  EXPECT_EQ(elsewhere.status, 403);
  EXPECT_EQ(elsewhere.body,
            "a.example is neither configured in conf.d nor among prometheus.probe_targets\n");
  const net::ServerReply unknown = probe("target=localhost:1&module=mine");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body, "no configured instance of go_expvar has the namespace \"mine\"\n");
}

}  // namespace
}  // namespace heapwatch::agent::pages
