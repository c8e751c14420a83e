#include <gtest/gtest.h>

#include "config/value.h"

namespace heapwatch::config {
namespace {

std::string scrubbed_yaml(std::string_view text) {
  Diagnostics diagnostics;
  const Value value = parse_yaml(text, "test.yaml", diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  return to_yaml(scrubbed(value));
}

TEST(Scrubbed, MasksWhatTheNamesOfKeysCallSecret) {
  EXPECT_EQ(scrubbed_yaml("username: me\npassword: hunter2\n"),
            "username: me\npassword: \"********\"\n");
  const std::string headers = scrubbed_yaml("headers:\n  Authorization: Bearer abc\n  X-A: b\n");
  EXPECT_EQ(headers.find("abc"), std::string::npos);
  EXPECT_NE(headers.find("X-A: b"), std::string::npos);
  EXPECT_EQ(scrubbed_yaml("auth_token: {reader: {path: s3cret}}\n").find("s3cret"),
            std::string::npos);
}

TEST(Scrubbed, MasksCredentialsInAddresses) {
  EXPECT_EQ(scrubbed_yaml("expvar_url: http://me:p@ss@h:1/x?a=b@c\n"),
            "expvar_url: \"http://me:********@h:1/x?a=b@c\"\n");
  EXPECT_EQ(scrubbed_yaml("expvar_url: http://h:1/a:b@c\n"), "expvar_url: http://h:1/a:b@c\n");
}

TEST(Scrubbed, MasksWhatAQueryCallsSecret) {
  EXPECT_EQ(scrubbed_yaml("u: http://h/x?app=a&api-key=k&TOKEN=t&b&token=#f\n"),
            "u: \"http://h/x?app=a&api-key=********&TOKEN=********&b&token=********#f\"\n");
  EXPECT_EQ(scrubbed_yaml("u: a?token=b\n"), "u: \"a?token=b\"\n");
}

}  // namespace
}  // namespace heapwatch::config
