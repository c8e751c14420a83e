// What a client shows to get in: names and passwords, proxies, tokens from files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "http_client_fixture.h"

namespace heapwatch::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(HttpClient, AuthenticatesByEveryScheme) {
  HttpRequest asked = request("/basic");
  asked.username = "jos\u00e9";
  asked.password = "s\u00e9cret:1";
  EXPECT_EQ(fetch(asked)->status, 401) << "none is asked for";
  asked.auth = HttpAuth::basic;
  EXPECT_EQ(body_of(asked), "welcome");
  asked.url = server->url("/digest");
  EXPECT_EQ(fetch(asked)->status, 401);
  asked.auth = HttpAuth::digest;
  const HttpResult digest = fetch(asked);
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(digest->status, 200);
  EXPECT_EQ(digest->body, "welcome");
  EXPECT_EQ(digest->headers.size(), 3U) << "those of the challenge are gone";
  asked.url = server->url("/ntlm");
  asked.auth = HttpAuth::ntlm;
  asked.keep_alive = false;
  EXPECT_EQ(body_of(asked), "welcome");
}

TEST_F(HttpClient, AnswersAKerberosChallengeItHasNoTicketForWithTheStatus) {
  HttpRequest asked = request("/basic");
  asked.auth = HttpAuth::kerberos;
  EXPECT_EQ(fetch(asked)->status, 401);
}

TEST_F(HttpClient, GoesThroughAProxyAndTellsWhichOneIsMissing) {
  HttpRequest asked;
  asked.url = server->url("/echo", "some.test");
  asked.proxy.http = "http://u:p%21@127.0.0.1:" + server->port();
  const HttpResult result = fetch(asked);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->headers, ::testing::Contains(std::pair<std::string, std::string>(
                                   "x-proxied-by", server->port())));
  EXPECT_THAT(result->headers, ::testing::Contains(std::pair<std::string, std::string>(
                                   "x-proxy-authorization", "Basic dTpwIQ==")));
  asked.proxy.no_proxy = {".test"};
  EXPECT_THAT(error_of(asked).message, HasSubstr("the host \"some.test\" does not resolve"));
  asked.proxy = {.http = "http://u:secret@127.0.0.1:1", .https = {}, .no_proxy = {}};
  EXPECT_EQ(error_of(asked).message,
            asked.url + ": cannot connect to the proxy http://127.0.0.1:1: connection refused");
  asked.proxy.http_shown_as = "ENC[proxy]";
  EXPECT_EQ(error_of(asked).message,
            asked.url + ": cannot connect to the proxy ENC[proxy]: connection refused");
  asked.proxy.http = "http://s3cret.invalid:3128";
  EXPECT_THAT(error_of(asked).message, ::testing::Not(HasSubstr("s3cret")));
  asked.proxy.http = "http://u:secret@127.0.0.1:" + server->port() + "/";
  EXPECT_THAT(fetch(asked),
              ::testing::Truly([](const HttpResult& good) { return good.has_value(); }));
  asked.proxy.http = "ftp://u:secret@127.0.0.1";
  EXPECT_EQ(
      error_of(asked).message,
      asked.url + ": proxy: \"ENC[proxy]\" is not one of http://, https://, socks5://, socks5h://");
  asked.proxy.http_shown_as.clear();
  EXPECT_EQ(error_of(asked).message,
            asked.url +
                ": proxy: \"ftp://127.0.0.1\" is not one of http://, https://, socks5://, "
                "socks5h://");
}

TEST_F(HttpClient, LeavesTheProxiesOfTheEnvironmentAlone) {
  for (const char* const name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    setenv(name, "http://127.0.0.1:1", 1);
  }
  const HttpResult result = fetch(request("/status?n=200"));
  setenv("no_proxy", "*", 1);
  HttpRequest proxied;
  proxied.url = server->url("/echo", "some.test");
  proxied.proxy.http = "http://127.0.0.1:" + server->port();
  const HttpResult through = fetch(proxied);
  for (const char* const name : {"http_proxy", "all_proxy", "ALL_PROXY", "no_proxy"}) {
    unsetenv(name);
  }
  EXPECT_TRUE(result) << result.error().message;
  EXPECT_TRUE(through) << through.error().message;
}

class HttpToken : public HttpClient {
 protected:
  void write(const std::string& text) { std::ofstream(path_) << text; }
  void TearDown() override { std::filesystem::remove(path_); }
  HttpRequest with_token(const std::string& path, const TokenFile& file) {
    HttpRequest asked = request(path);
    asked.token = file;
    return asked;
  }
  std::string path_ = ::testing::TempDir() + "token_" + std::to_string(getpid());
};

TEST_F(HttpToken, IsTheFileWithoutSurroundingSpace) {
  write("  abc\n");
  EXPECT_EQ(body_of(with_token("/token?wanted=Bearer%20abc", {.path = path_})), "Bearer abc");
}

TEST_F(HttpToken, IsWhatThePatternCatchesInTheGivenHeader) {
  write("{\"key\": \"k-1\", \"other\": 2}");
  HttpRequest asked =
      with_token("/token?wanted=v1%20k-1!&header=X-Key", {.path = path_,
                                                          .pattern = "\"key\": \"([^\"]+)\"",
                                                          .header = "X-Key",
                                                          .value = "v1 {}!",
                                                          .placeholder = "{}"});
  asked.headers = {{"x-key", "given by hand"}};
  EXPECT_EQ(body_of(asked), "v1 k-1!");
}

TEST_F(HttpToken, IsRefusedInWordsThatDoNotHoldIt) {
  write("secret\nlines\n");
  const auto message = [&](const TokenFile& file) {
    const Error error = error_of(with_token("/echo", file));
    EXPECT_EQ(error.kind, ErrorKind::invalid);
    return error.message;
  };
  const std::string place = server->url("/echo") + ": auth_token: ";
  EXPECT_EQ(message({.path = "/nowhere"}), place + "/nowhere: No such file or directory");
  EXPECT_EQ(message({.path = path_}),
            place + path_ + ": the token holds control characters, such as a line break");
  EXPECT_EQ(message({.path = path_, .pattern = "a(b)c"}),
            place + path_ + ": nothing matches the pattern \"a(b)c\"");
  EXPECT_EQ(message({.path = path_, .pattern = "secret"}),
            place + path_ + ": the pattern \"secret\" needs exactly one group");
  EXPECT_EQ(message({.path = path_, .pattern = "(secret"}),
            place + path_ + ": the pattern \"(secret\" is wrong: missing ): (secret");
  EXPECT_EQ(message({.path = path_, .pattern = "secret()"}),
            place + path_ + ": the token is empty");
}

}  // namespace
}  // namespace heapwatch::net
