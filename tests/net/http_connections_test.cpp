#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "tests/testing/target_server.h"

namespace heapwatch::net {
namespace {

using heapwatch::tests::TargetServer;
using ::testing::HasSubstr;

/// Exchanges one after the other on one loop, as the runs of a target are.
class HttpConnections : public ::testing::Test {
 protected:
  HttpResult ask(const std::shared_ptr<HttpRequest>& request) {
    std::optional<HttpResult> outcome;
    loop_->fetch(request, [&](HttpResult result) {
      outcome = std::move(result);
      loop_->stop();
    });
    loop_->run();
    return std::move(*outcome);
  }
  [[nodiscard]] std::shared_ptr<HttpRequest> request(const std::string& path) const {
    auto made = std::make_shared<HttpRequest>();
    made->url = server_.url(path);
    return made;
  }
  std::string body_of(const std::shared_ptr<HttpRequest>& asked) {
    const HttpResult result = ask(asked);
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->body : "";
  }

  TargetServer server_;
  std::unique_ptr<EventLoop> loop_ = std::move(*EventLoop::create());
};

TEST_F(HttpConnections, AreKeptUnlessTheRequestSaysNo) {
  const auto echo = request("/echo");
  EXPECT_THAT(body_of(echo), HasSubstr(R"("connection": 1, "request": 1)"));
  EXPECT_THAT(body_of(echo), HasSubstr(R"("connection": 1, "request": 2)"));
  const auto other = request("/echo?other");
  EXPECT_THAT(body_of(other), HasSubstr(R"("connection": 1, "request": 3)"));
  const auto fresh = request("/echo");
  fresh->keep_alive = false;
  (void)body_of(fresh);
  EXPECT_THAT(body_of(fresh), HasSubstr(R"("request": 1,)"));
  EXPECT_THAT(body_of(fresh), HasSubstr(R"("request": 1,)"));
}

TEST_F(HttpConnections, AreOpenedAnewWhenTheServerClosedThemMeanwhile) {
  const auto closing = request("/close_silently");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(body_of(closing), "ok");
  }
  const auto on_second = request("/close_on_second");
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(body_of(on_second), HasSubstr(R"("request": 1,)"));
  }
}

TEST_F(HttpConnections, KeepTheDigestsNonceFromRunToRun) {
  const auto digest = request("/digest");
  digest->auth = HttpAuth::digest;
  digest->username = "jos\u00e9";
  digest->password = "s\u00e9cret:1";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(body_of(digest), "welcome");
  }
  const std::string seen = body_of(request("/seen"));
  std::size_t requests = 0;
  for (std::size_t at = seen.find("/digest"); at != std::string::npos;
       at = seen.find("/digest", at + 1)) {
    ++requests;
  }
  EXPECT_EQ(requests, 4U) << "one challenge, three answers";
}

TEST_F(HttpConnections, ErrorsLeaveTheNextRunUntouched) {
  for (const std::string path : {"/empty", "/reset", "/truncated", "/garbage", "/bomb"}) {
    const auto broken = request(path);
    EXPECT_FALSE(ask(broken));
    EXPECT_FALSE(ask(broken));
    EXPECT_THAT(body_of(request("/echo")), HasSubstr(R"("method": "GET")"));
  }
}

TEST_F(HttpConnections, TokensAreReadOnceAndAgainAfterARefusal) {
  const std::string path = ::testing::TempDir() + "kept_token_" + std::to_string(getpid());
  const auto write = [&](const std::string& token) { std::ofstream(path) << token; };
  const auto wanting = [&](const std::string& token, int status) {
    auto made = request("/token?wanted=Bearer%20" + token + "&status=" + std::to_string(status));
    made->token = TokenFile{.path = path};
    return made;
  };
  write("one");
  const auto first = wanting("one", 401);
  EXPECT_EQ(body_of(first), "Bearer one");
  write("two");
  EXPECT_EQ(body_of(first), "Bearer one") << "the file is not read while the token serves";
  EXPECT_EQ(body_of(wanting("two", 403)), "Bearer two");
  const HttpResult refused = ask(first);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->status, 401) << "the same token is not tried twice";
  EXPECT_EQ(refused->body, "Bearer two");
  std::filesystem::remove(path);
  EXPECT_EQ(ask(first).error().message,
            server_.url("/token") + "?...: auth_token: " + path + ": No such file or directory");
}

}  // namespace
}  // namespace heapwatch::net
