#include <gmock/gmock.h>

#include <mutex>
#include <thread>

#include "net/http_server.h"
#include "sources.h"

namespace heapwatch::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

/// A server that answers as it is told, and remembers what it was asked.
class HttpSourceTest : public ::testing::Test {
 protected:
  HttpSourceTest() {
    auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
      const std::lock_guard lock(mutex_);
      for (const char* const name :
           {"accept", "x-prometheus-refresh-interval-seconds", "user-agent", "authorization"}) {
        asked_[name] = std::string(request.header(name));
      }
      return reply_;
    });
    EXPECT_TRUE(server);
    server_ = std::move(*server);
  }

  [[nodiscard]] std::string url(const std::string& path = "/targets") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  [[nodiscard]] std::unique_ptr<Source> source(const std::string& more = "") const {
    auto read =
        read_source(read_http_source, "url: " + url() + "\nallowed_targets: [10.0.0.0/8]\n" + more);
    EXPECT_THAT(read.messages, IsEmpty());
    return std::move(read.source);
  }
  void answer(int status, const std::string& type, const std::string& body) {
    const std::lock_guard lock(mutex_);
    reply_ = {.status = status, .content_type = type, .body = body, .headers = {}};
  }
  static std::string trouble(Source& source) {
    const auto answer = source.ask({});
    return answer ? "none" : answer.error().message;
  }

  std::mutex mutex_;
  net::ServerReply reply_;
  std::map<std::string, std::string> asked_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(HttpSourceTest, TheAnswerIsAListAndTheRequestSaysWhatPrometheusSays) {
  answer(200, "application/json", R"([{"targets": ["10.0.0.1:80"], "labels": {"a": "b"}}])");
  const auto made = source("refresh_interval: 1m30s\n");
  const auto answer = made->ask({});
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->groups.size(), 1U);
  EXPECT_THAT(answer->groups[0].addresses, ElementsAre("10.0.0.1:80"));
  EXPECT_THAT(answer->groups[0].labels, ElementsAre(Pair("__meta_url", url()), Pair("a", "b")));
  EXPECT_EQ(asked_["accept"], "application/json");
  EXPECT_EQ(asked_["x-prometheus-refresh-interval-seconds"], "90");
  EXPECT_THAT(asked_["user-agent"], HasSubstr("heapwatch/"));
  EXPECT_EQ(made->options().name, "http_sd " + url());
  EXPECT_TRUE(made->options().is_remote);
}

TEST_F(HttpSourceTest, OnlyJsonWithStatus200IsAList) {
  const auto made = source();
  for (const char* const type :
       {"application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\"",
        " application/json ;  charset=UTF-8"}) {
    answer(200, type, "[]");
    EXPECT_EQ(trouble(*made), "none") << type;
  }
  for (const char* const type : {"text/plain", "application/json; charset=latin1", "text/json",
                                 "application/json; x=y", "application/jsonx"}) {
    answer(200, type, "[]");
    EXPECT_EQ(trouble(*made), url() + ": answered with the content type \"" + type +
                                  "\", where application/json is a list");
  }
  answer(503, "application/json", "[]");
  EXPECT_EQ(trouble(*made), url() + ": answered 503 Service Unavailable, where 200 OK is a list");
  answer(206, "application/json", "[]");
  EXPECT_THAT(trouble(*made), HasSubstr("answered 206 "));
  answer(200, "application/json", "[{}, 1]");
  EXPECT_EQ(trouble(*made), url() + ": group 2 is no object, but a number");
}

TEST_F(HttpSourceTest, ALargeAnswerMeetsItsLimit) {
  const auto made = source("max_body_size: 1000\n");
  answer(200, "application/json", "[" + std::string(2000, ' ') + "]");
  EXPECT_THAT(trouble(*made), HasSubstr("1000"));
}

TEST_F(HttpSourceTest, CredentialsAreSentAndNotShown) {
  answer(200, "application/json", "[]");
  auto read =
      read_source(read_http_source, "url: " + url("/t?token=geheim") +
                                        "\nallowed_targets: [a]\nusername: u\npassword: p\n");
  EXPECT_THAT(read.messages, IsEmpty());
  EXPECT_EQ(trouble(*read.source), "none");
  EXPECT_EQ(asked_["authorization"], "Basic dTpw");
  EXPECT_THAT(read.source->options().name, ::testing::Not(HasSubstr("geheim")));
}

TEST_F(HttpSourceTest, AServerThatIsAwayIsToldOf) {
  const auto made = source();
  server_.reset();
  EXPECT_THAT(trouble(*made), HasSubstr("127.0.0.1"));
}

TEST_F(HttpSourceTest, ALookThatIsInterruptedEnds) {
  server_.reset();
  // It takes the connection, and never answers.
  auto silent = net::HttpServer::start({}, [](const net::ServerRequest&) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return net::ServerReply{};
  });
  ASSERT_TRUE(silent);
  auto read =
      read_source(read_http_source, "url: http://127.0.0.1:" + std::to_string((*silent)->port()) +
                                        "/\nallowed_targets: [a]\n");
  std::thread interrupter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    read.source->interrupt();
  });
  EXPECT_THAT(trouble(*read.source), HasSubstr("was told to end before there was an answer"));
  interrupter.join();
}

TEST(HttpSource, HostsToAllowHaveToBeNamed) {
  const auto read = read_source(read_http_source, "url: http://sd/\n");
  EXPECT_EQ(read.source, nullptr);
  EXPECT_THAT(read.messages, ElementsAre(HasSubstr("sd -> allowed_targets is missing: ")));
  EXPECT_THAT(
      read_source(read_http_source, "url: http://sd/\nallowed_targets: [10.0.0.0/40]\n").messages,
      ElementsAre(HasSubstr("sd -> allowed_targets: \"10.0.0.0/40\" is no host")));
}

TEST(HttpSource, WhatPrometheusCallsOtherwiseIsAnErrorThatSaysWhatToUse) {
  const auto read = read_source(
      read_http_source,
      "url: http://sd/\nallowed_targets: [a]\nbasic_auth: {username: x}\ntls_config: {}\n");
  EXPECT_EQ(read.source, nullptr);
  EXPECT_THAT(read.messages, UnorderedElementsAre(
                                 "sd -> basic_auth is not known here; use username and password",
                                 HasSubstr("sd -> tls_config is not known here; use tls_ca_cert")));
  EXPECT_THAT(read_source(read_http_source, "allowed_targets: [a]\n").messages,
              ElementsAre("sd -> url is missing"));
  EXPECT_THAT(read_source(read_http_source, "url: ftp://a\nallowed_targets: [a]\n").messages,
              ElementsAre(HasSubstr("sd -> url ")));
}

}  // namespace
}  // namespace heapwatch::discovery
