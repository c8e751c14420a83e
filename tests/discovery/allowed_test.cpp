#include "discovery/allowed.h"

#include <gmock/gmock.h>

namespace heapwatch::discovery {
namespace {

AllowedTargets allowed(const std::vector<std::string>& entries) {
  AllowedTargets made;
  for (const std::string& entry : entries) {
    const auto added = made.add(entry);
    EXPECT_TRUE(added) << (added ? "" : added.error().message);
  }
  return made;
}

TEST(AllowedTargets, ARangeHoldsItsAddressesAndNoNames) {
  const AllowedTargets some = allowed({"10.1.0.0/16", "192.168.7.8/31"});
  EXPECT_TRUE(some.allows("10.1.0.0", 80));
  EXPECT_TRUE(some.allows("10.1.255.255", 1));
  EXPECT_FALSE(some.allows("10.2.0.0", 80));
  EXPECT_TRUE(some.allows("192.168.7.9", 80));
  EXPECT_FALSE(some.allows("192.168.7.10", 80));
  EXPECT_FALSE(some.allows("10.1.0.1.example.com", 80));
  EXPECT_FALSE(some.allows("localhost", 80));
}

TEST(AllowedTargets, OtherWaysToWriteAnAddressAreNotInARange) {
  const AllowedTargets some = allowed({"127.0.0.0/8", "0.0.0.0/0"});
  for (const char* const host : {"127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1."}) {
    EXPECT_FALSE(some.allows(host, 80)) << host;
  }
}

TEST(AllowedTargets, AnAddressOfIpv4WithinIpv6IsOneOfIpv4) {
  EXPECT_TRUE(allowed({"127.0.0.0/8"}).allows("::ffff:127.0.0.1", 80));
  EXPECT_FALSE(allowed({"::/0"}).allows("::ffff:127.0.0.1", 80));
  EXPECT_FALSE(allowed({"::/0"}).allows("127.0.0.1", 80));
  EXPECT_TRUE(allowed({"::/0"}).allows("::1", 80));
  EXPECT_FALSE(allowed({"0.0.0.0/0"}).allows("::1", 80));
}

TEST(AllowedTargets, RangesOfIpv6) {
  const AllowedTargets some = allowed({"fd00::/7", "2001:db8::1", "[2001:db8::2]:443"});
  EXPECT_TRUE(some.allows("fc00::1", 80));
  EXPECT_TRUE(some.allows("fdff::1", 80));
  EXPECT_FALSE(some.allows("fe00::1", 80));
  EXPECT_TRUE(some.allows("2001:db8:0::1", 80));
  EXPECT_TRUE(some.allows("2001:db8::2", 443));
  EXPECT_FALSE(some.allows("2001:db8::2", 80));
}

TEST(AllowedTargets, NamesAreThemselvesOrAllBelow) {
  const AllowedTargets some = allowed({"Api.example.com", ".internal", "db:5432"});
  EXPECT_TRUE(some.allows("api.example.com", 80));
  EXPECT_FALSE(some.allows("x.api.example.com", 80));
  EXPECT_TRUE(some.allows("a.b.internal", 80));
  EXPECT_FALSE(some.allows("internal", 80));
  EXPECT_FALSE(some.allows("evilinternal", 80));
  EXPECT_TRUE(some.allows("db", 5432));
  EXPECT_FALSE(some.allows("db", 80));
}

TEST(AllowedTargets, NothingIsAllowedByAnEmptyList) {
  EXPECT_FALSE(AllowedTargets().allows("127.0.0.1", 80));
  EXPECT_FALSE(AllowedTargets().allows("localhost", 80));
}

TEST(AllowedTargets, WhatIsNoHostIsRefused) {
  for (const char* const entry :
       {"", ".", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "a/8", "a:0", "a:70000", "a:x", "[::1",
        "[a]:80", "http://a", "*", "*.a", "a b", "10.0.0.0/8:80", "10.0.0.0/", "u@h"}) {
    AllowedTargets made;
    const auto added = made.add(entry);
    ASSERT_FALSE(added) << entry;
    EXPECT_THAT(added.error().message,
                ::testing::StartsWith("\"" + std::string(entry) + "\" is no host: "));
  }
}

}  // namespace
}  // namespace heapwatch::discovery
