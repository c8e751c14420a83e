#include "check/http/target_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/allocated_bytes.h"

namespace heapwatch::check::http {
namespace {

net::HttpRequest request_for(const std::string& url) {
  net::HttpRequest request;
  request.url = url;
  request.headers = {{"User-Agent", "heapwatch with a name that needs memory of its own"},
                     {"Accept", "*/*"}};
  request.token = net::TokenFile{.path = "/run/token"};
  request.tls.ca = "/etc/ca.pem";
  return request;
}

TEST(TargetRequest, IsTheWholeRequest) {
  const net::HttpRequest asked = request_for("http://h:1/debug/vars");
  TargetRequest target(asked);
  EXPECT_EQ(*target.get(), asked);
}

TEST(TargetRequest, IsTheSameObjectForAsLongAsItIsHeld) {
  TargetRequest target(request_for("http://h:1/debug/vars"));
  net::HttpRequestPtr held = target.get();
  EXPECT_EQ(target.get(), held);
  const std::weak_ptr<const net::HttpRequest> seen = held;
  held.reset();
  EXPECT_TRUE(seen.expired());
  EXPECT_EQ(*target.get(), request_for("http://h:1/debug/vars"));
}

TEST(TargetRequest, TargetsThatDifferInAnythingGetWhatIsTheirs) {
  std::vector<net::HttpRequest> asked(7, request_for("http://h:1/"));
  asked[1].password = "p";
  asked[2].headers[0].second = "other";
  asked[3].tls.verify = false;
  asked[4].proxy.no_proxy = {"h"};
  asked[5].token->pattern = "(.*)";
  asked[6].read_timeout = std::chrono::milliseconds(1);
  std::vector<TargetRequest> targets(asked.begin(), asked.end());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    EXPECT_EQ(*targets[i].get(), asked[i]) << i;
  }
}

TEST(TargetRequest, AThousandOfThemTakeLittleMoreThanTheirUrls) {
  constexpr std::size_t count = 1000;
  std::vector<TargetRequest> targets;
  targets.reserve(count);
  const std::size_t before = tests::allocated_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    targets.emplace_back(request_for("http://127.0.0.1:8080/debug/vars/" + std::to_string(i)));
    (void)targets.back().get();
  }
  EXPECT_LT(tests::allocated_bytes() - before, count * 200);
}

}  // namespace
}  // namespace heapwatch::check::http
