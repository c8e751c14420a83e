#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "net/http.h"
#include "tests/testing/http_target.h"
#include "tests/testing/target_server.h"

namespace heapwatch::net {
namespace {

using base::Error;
using base::ErrorKind;
using heapwatch::tests::HttpTarget;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class HttpRedirect : public ::testing::Test {
 protected:
  static void redirect(HttpTarget& from, const std::string& path, const std::string& to,
                       int status = 302) {
    from.serve(path, {.status = status,
                      .body = "elsewhere",
                      .headers = "Location: " + to + "\r\nX-Hop: 1\r\n",
                      .delay = {}});
  }
  HttpRequest request(const std::string& path) const {
    HttpRequest made;
    made.url = first_.url(path);
    made.auth = HttpAuth::basic;
    made.username = "u";
    made.password = "p";
    made.accept_encoding = false;
    made.headers = {{"Accept", "a/b"},
                    {"Accept-Language", "eo"},
                    {"User-Agent", "me"},
                    {"X-Api-Key", "secret"},
                    {"Cookie", "secret"}};
    return made;
  }
  static std::string line_of(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name + ":");
    return at == std::string::npos ? "" : head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
  }

  HttpTarget first_;
  HttpTarget second_;
};

TEST_F(HttpRedirect, IsFollowedToTheLastAnswer) {
  redirect(first_, "/a", "/b");
  redirect(first_, "/b", "c?d=1", 301);
  first_.serve("/c?d=1", {.status = 200, .body = "here", .headers = {}, .delay = {}});
  const HttpResult result = fetch(request("/a"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "here");
  EXPECT_EQ(result->headers, (Headers{{"content-length", "4"}}));
  EXPECT_EQ(first_.connections(), 1);
}

TEST_F(HttpRedirect, KeepsCredentialsOnItsHost) {
  redirect(first_, "/a", first_.url("/b"));
  (void)fetch(request("/a"));
  ASSERT_EQ(first_.requests().size(), 2U);
  EXPECT_EQ(line_of(first_.requests()[1], "Authorization"), "Authorization: Basic dTpw");
  EXPECT_EQ(line_of(first_.requests()[1], "X-Api-Key"), "X-Api-Key: secret");
}

TEST_F(HttpRedirect, CarriesNoCredentialsToAnotherHostNorBack) {
  redirect(first_, "/a", second_.url("/b"));
  redirect(second_, "/b", first_.url("/c"));
  HttpRequest asked = request("/a");
  const std::string token = ::testing::TempDir() + "redirect_token_" + std::to_string(getpid());
  std::ofstream(token) << "secret";
  asked.token = TokenFile{.path = token, .pattern = {}, .header = "X-Token"};
  asked.headers.emplace_back("Host", "name.test");
  EXPECT_EQ(fetch(asked)->status, 404);
  std::filesystem::remove(token);
  ASSERT_EQ(first_.requests().size(), 2U);
  EXPECT_THAT(first_.requests()[0], HasSubstr("\r\nX-Token: Bearer secret\r\n"));
  EXPECT_THAT(second_.requests(),
              ElementsAre("GET /b HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(second_.port()) +
                          "\r\nAccept: a/b\r\nAccept-Language: eo\r\nUser-Agent: me\r\n"));
  EXPECT_THAT(first_.requests()[1], Not(HasSubstr("secret")));
  EXPECT_THAT(first_.requests()[1], Not(HasSubstr("Authorization")));
}

TEST_F(HttpRedirect, TurnsAPostIntoAGetWhereBrowsersDo) {
  for (const auto& [status, method] : std::vector<std::pair<int, std::string>>{
           {301, "GET"}, {302, "GET"}, {303, "GET"}, {307, "PUT"}, {308, "PUT"}}) {
    redirect(first_, "/a", "/b", status);
    HttpRequest asked = request("/a");
    asked.method = method == "GET" ? "POST" : "PUT";
    EXPECT_EQ(fetch(asked)->status, 404);
    EXPECT_THAT(first_.requests().back(), ::testing::StartsWith(method + " /b ")) << status;
  }
  redirect(first_, "/a", second_.url("/b"), 307);
  HttpRequest asked = request("/a");
  asked.method = "POST";
  asked.body = "x";
  EXPECT_EQ(fetch(asked).error(),
            (Error{ErrorKind::invalid, first_.url("/a") +
                                           ": redirects the body of a POST to another host, " +
                                           second_.url("/b")}));
}

TEST_F(HttpRedirect, IsTheAnswerWhenNotToBeFollowed) {
  redirect(first_, "/a", "/b");
  HttpRequest asked = request("/a");
  asked.follow_redirects = false;
  EXPECT_EQ(fetch(asked)->status, 302);
  EXPECT_EQ(fetch(asked)->body, "elsewhere");
  first_.serve("/no_location", {.status = 302, .body = "x", .headers = {}, .delay = {}});
  EXPECT_EQ(fetch(request("/no_location"))->status, 302);
}

TEST_F(HttpRedirect, EndsALoop) {
  redirect(first_, "/a", "/a?key=secret");
  redirect(first_, "/a?key=secret", "/a");
  HttpRequest asked = request("/a");
  asked.redirects_max = 5;
  EXPECT_EQ(
      fetch(asked).error(),
      (Error{ErrorKind::limit, first_.url("/a?...") + ": more than 5 redirects; the last led to " +
                                   first_.url("/a")}));
  EXPECT_EQ(first_.requests().size(), 6U);
}

TEST_F(HttpRedirect, LeadsToHttpOnly) {
  for (const std::string to : {"file:///etc/passwd", "ftp://h/", "gopher://h/"}) {
    redirect(first_, "/a", to);
    EXPECT_EQ(fetch(request("/a")).error(),
              (Error{ErrorKind::invalid, first_.url("/a") + ": redirects to \"" + to +
                                             "\": the scheme is \"" + to.substr(0, to.find(':')) +
                                             "\"; only http and https are spoken"}));
  }
  redirect(first_, "/a", "http://me:secret@h/");
  EXPECT_THAT(fetch(request("/a")).error().message, Not(HasSubstr("secret")));
}

TEST_F(HttpRedirect, SharesOneTotalTimeout) {
  for (const std::string path : {"/a", "/b"}) {
    first_.serve(path, {.status = 302,
                        .body = "",
                        .headers = "Location: " + std::string(path == "/a" ? "/b" : "/a") + "\r\n",
                        .delay = std::chrono::milliseconds(100)});
  }
  HttpRequest asked = request("/a");
  asked.total_timeout = std::chrono::milliseconds(350);
  EXPECT_THAT(fetch(asked).error().message, HasSubstr("not complete within 350 ms"));
}

TEST_F(HttpRedirect, ChoosesTheProxyAnewForEachHost) {
  const heapwatch::tests::TargetServer proxy;
  redirect(first_, "/a", "http://other.test:" + proxy.port() + "/echo");
  HttpRequest asked = request("/a");
  asked.proxy.http = "http://127.0.0.1:" + proxy.port();
  asked.proxy.no_proxy = {"127.0.0.0/8"};
  const HttpResult result = fetch(asked);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->headers, ::testing::Contains(std::pair<std::string, std::string>(
                                   "x-proxied-by", proxy.port())));
}

}  // namespace
}  // namespace heapwatch::net
