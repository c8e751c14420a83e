#include "discovery/endpoint.h"

#include <gmock/gmock.h>

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;

Labels with(Labels more) {
  Labels labels{{"__scheme__", "http"}, {"__metrics_path__", "/debug/vars"}};
  for (auto& [name, value] : more) {
    labels[name] = value;
  }
  return labels;
}

TEST(Endpoint, LabelsMakeTheAddressAndTheTags) {
  const auto made = endpoint_of(with({{"__address__", "api-1:6060"},
                                      {"__meta_zone", "eu"},
                                      {"__tmp", "x"},
                                      {"env", "prod"},
                                      {"a", "b c"}}));
  ASSERT_TRUE(made);
  EXPECT_EQ(*made, (Endpoint{.url = "http://api-1:6060/debug/vars",
                             .host = "api-1",
                             .port = 6060,
                             .tags = {"a:b c", "env:prod"}}));
}

TEST(Endpoint, SchemePathAndParametersAreOnesOwn) {
  const auto made = endpoint_of(with({{"__address__", "[fd00::1]"},
                                      {"__scheme__", "https"},
                                      {"__metrics_path__", "a b?c#d%*:@&=+$,;"},
                                      {"__param_x", "1&2"},
                                      {"__param_module", "é"}}));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->url, "https://[fd00::1]/a%20b%3Fc%23d%25%2A:@&=+$,;?module=%C3%A9&x=1%262");
  EXPECT_EQ(made->host, "fd00::1");
  EXPECT_EQ(made->port, 443);
}

TEST(Endpoint, AnAddressLeadsNowhereElse) {
  for (const char* const address : {"a/b", "user@host:1", "a?b", "a#b", "a b", "a\nb", "a\\b",
                                    "%31:1", "http://a", ":80", "a:70000", "::1", "a:b:c"}) {
    const auto made = endpoint_of(with({{"__address__", address}}));
    ASSERT_FALSE(made) << address << " became " << made->url;
    EXPECT_EQ(made.error().message,
              "\"" + std::string(address) + "\" is not an address: HOST:PORT");
  }
}

TEST(Endpoint, ItIsHttpAndHasAnAddress) {
  EXPECT_EQ(endpoint_of(with({})).error().message,
            "a target without an address (the label __address__)");
  EXPECT_EQ(endpoint_of(with({{"__address__", "a:1"}, {"__scheme__", "unix"}})).error().message,
            "a:1: the scheme (the label __scheme__) is \"unix\"; only http and https are known");
}

}  // namespace
}  // namespace heapwatch::discovery
