#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/http.h"

namespace heapwatch::net {
namespace {

bool bypasses(const std::string& host, const std::vector<std::string>& no_proxy,
              std::uint16_t port = 80) {
  return bypasses_proxy(host, port, no_proxy);
}

TEST(BypassesProxy, NothingWithoutEntries) {
  EXPECT_FALSE(bypasses("a.com", {}));
  EXPECT_FALSE(bypasses("a.com", {"", "  "}));
}

TEST(BypassesProxy, AStarMatchesAll) {
  EXPECT_TRUE(bypasses("a.com", {"*"}));
  EXPECT_TRUE(bypasses("10.0.0.1", {" * "}));
  EXPECT_TRUE(bypasses("::1", {"*"}));
}

TEST(BypassesProxy, ADomainMatchesItselfAndBelow) {
  EXPECT_TRUE(bypasses("foo.com", {"foo.com"}));
  EXPECT_TRUE(bypasses("a.b.foo.com", {"foo.com"}));
  EXPECT_TRUE(bypasses("Foo.COM", {"fOO.com"}));
  EXPECT_TRUE(bypasses("foo.com.", {"foo.com"}));
  EXPECT_TRUE(bypasses("foo.com", {"foo.com."}));
  EXPECT_TRUE(bypasses("localhost", {"localhost"}));
  EXPECT_FALSE(bypasses("barfoo.com", {"foo.com"}));
  EXPECT_FALSE(bypasses("foo.com.org", {"foo.com"}));
  EXPECT_FALSE(bypasses("com", {"foo.com"}));
}

TEST(BypassesProxy, ALeadingDotOrStarMatchesBelowOnly) {
  for (const std::string entry : {".y.com", "*.y.com"}) {
    EXPECT_TRUE(bypasses("x.y.com", {entry})) << entry;
    EXPECT_TRUE(bypasses("w.x.y.com", {entry})) << entry;
    EXPECT_FALSE(bypasses("y.com", {entry})) << entry;
    EXPECT_FALSE(bypasses("xy.com", {entry})) << entry;
  }
  EXPECT_FALSE(bypasses("y.com", {"."}));
  EXPECT_FALSE(bypasses("y.com", {"*."}));
}

TEST(BypassesProxy, AnAddressMatchesItself) {
  EXPECT_TRUE(bypasses("10.1.2.3", {"10.1.2.3"}));
  EXPECT_FALSE(bypasses("10.1.2.4", {"10.1.2.3"}));
  EXPECT_TRUE(bypasses("::1", {"0:0:0:0:0:0:0:1"}));
  EXPECT_TRUE(bypasses("[::1]", {"::1"}));
  EXPECT_TRUE(bypasses("::1", {"[::1]"}));
  EXPECT_FALSE(bypasses("::2", {"::1"}));
  EXPECT_FALSE(bypasses("10.1.2.3", {"2.3"}));
}

TEST(BypassesProxy, ARangeMatchesTheAddressesInIt) {
  EXPECT_TRUE(bypasses("10.200.3.4", {"10.0.0.0/8"}));
  EXPECT_FALSE(bypasses("11.0.0.1", {"10.0.0.0/8"}));
  EXPECT_TRUE(bypasses("172.31.255.255", {"172.16.0.0/12"}));
  EXPECT_FALSE(bypasses("172.32.0.0", {"172.16.0.0/12"}));
  EXPECT_TRUE(bypasses("1.2.3.4", {"0.0.0.0/0"}));
  EXPECT_TRUE(bypasses("1.2.3.4", {"1.2.3.4/32"}));
  EXPECT_TRUE(bypasses("fd00::5", {"fd00::/8"}));
  EXPECT_FALSE(bypasses("fe80::5", {"fd00::/8"}));
  EXPECT_FALSE(bypasses("fd00::5", {"0.0.0.0/0"}));
  EXPECT_FALSE(bypasses("1.2.3.4", {"1.2.3.4/33"}));
  EXPECT_FALSE(bypasses("1.2.3.4", {"1.2.3.4/x"}));
  EXPECT_FALSE(bypasses("host.com", {"0.0.0.0/0"}));
  EXPECT_FALSE(bypasses("foo.com", {"foo.com/8"}));
}

TEST(BypassesProxy, APortInAnEntryHasToBeTheTargets) {
  EXPECT_TRUE(bypasses("foo.com", {"foo.com:8080"}, 8080));
  EXPECT_FALSE(bypasses("foo.com", {"foo.com:8080"}, 80));
  EXPECT_TRUE(bypasses("10.0.0.1", {"10.0.0.1:80"}));
  EXPECT_FALSE(bypasses("10.0.0.1", {"10.0.0.1:81"}));
  EXPECT_TRUE(bypasses("::1", {"[::1]:80"}));
  EXPECT_FALSE(bypasses("::1", {"[::1]:81"}));
  EXPECT_FALSE(bypasses("foo.com", {"foo.com:"}));
  EXPECT_FALSE(bypasses("foo.com", {"foo.com:http"}));
  EXPECT_FALSE(bypasses("::1", {"[::1"}));
}

TEST(BypassesProxy, AnyEntryIsEnough) {
  EXPECT_TRUE(bypasses("b.com", {"a.com", "10.0.0.0/8", "b.com"}));
}

TEST(StatusText, NamesTheKnownOnes) {
  EXPECT_EQ(status_text(404), "404 Not Found");
  EXPECT_EQ(status_text(200), "200 OK");
  EXPECT_EQ(status_text(599), "599");
}

}  // namespace
}  // namespace heapwatch::net
