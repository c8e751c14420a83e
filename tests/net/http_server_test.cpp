#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/gzip.h"
#include "raw_client.h"

namespace heapwatch::net {
namespace {

using base::Error;
using base::ErrorKind;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  static ServerReply pages(const ServerRequest& request) {
    ServerReply reply;
    if (request.path == "/echo") {
      reply.body = request.method + " " + request.path + "?" + request.query + " " +
                   std::string(request.header("x-test")) + "\n";
    } else if (request.path == "/large") {
      reply.body.assign(50'000'000, 'x');
    } else if (request.path == "/text") {
      reply.body.assign(std::stoul(request.query), 'x');
    } else if (request.path == "/image") {
      reply.content_type = "image/png";
      reply.body.assign(5000, 'x');
    } else if (request.path == "/throw") {
      throw std::runtime_error("secret words");
    } else if (request.path == "/split") {
      reply.headers = {{"X-A", "1\r\nX-B: 2"}};
    } else {
      reply = {
          .status = 404, .content_type = "text/html", .body = "none", .headers = {{"X-A", "1"}}};
    }
    return reply;
  }
  static std::unique_ptr<HttpServer> start(const ServerOptions& options = {}) {
    auto server = HttpServer::start(options, pages);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }
  [[nodiscard]] HttpRequest request(const std::string& path,
                                    const std::string& method = "GET") const {
    HttpRequest made;
    made.url = "http://127.0.0.1:" + std::to_string(server_->port()) + path;
    made.method = method;
    made.body_bytes_max = 100'000'000;
    return made;
  }
  [[nodiscard]] HttpResponse ask(const HttpRequest& request) const {
    HttpResult result = fetch(request);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : HttpResponse{};
  }
  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) {
        return value;
      }
    }
    return "-";
  }

  std::unique_ptr<HttpServer> server_ = start();
};

TEST_F(HttpServerTest, GivesTheHandlerTheRequest) {
  HttpRequest asked = request("/ec%68o?a=%20b");
  asked.headers = {{"X-Test", "y"}};
  const HttpResponse response = ask(asked);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "GET /echo?a=%20b y\n");
}

TEST_F(HttpServerTest, SendsTheReplyWithItsHeaders) {
  const HttpResponse response = ask(request("/missing"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "none");
  EXPECT_THAT(header(response, "date"), ::testing::EndsWith(" GMT"));
  Headers rest(response.headers.begin() + 1, response.headers.end());
  EXPECT_EQ(rest, (Headers{{"content-type", "text/html"},
                           {"x-content-type-options", "nosniff"},
                           {"x-a", "1"},
                           {"content-length", "4"}}));
}

TEST_F(HttpServerTest, AnswersHeadWithoutTheBody) {
  RawClient client(server_->port());
  client.say("HEAD /text?900 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string heard = client.hear();
  EXPECT_THAT(heard, HasSubstr("\r\nContent-Length: 900\r\n"));
  EXPECT_THAT(heard, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherMethods) {
  for (const std::string method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const HttpResponse response = ask(request("/echo", method));
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "allow"), "GET, HEAD");
    EXPECT_EQ(header(response, "connection"), "close");
    EXPECT_EQ(response.body, method + " is not served here, only GET and HEAD are\n");
  }
}

TEST_F(HttpServerTest, ClosesInsteadOfReadingABodyNobodyWants) {
  RawClient client(server_->port());
  client.say("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nx");
  EXPECT_THAT(client.hear(), StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
}

TEST_F(HttpServerTest, GzipsWhatIsLargeEnoughForThoseWhoTakeIt) {
  HttpResponse response = ask(request("/text?1025"));
  EXPECT_EQ(response.body, std::string(1025, 'x'));
  EXPECT_EQ(header(response, "content-encoding"), "gzip");
  EXPECT_EQ(header(response, "vary"), "Accept-Encoding");
  response = ask(request("/text?1024"));
  EXPECT_EQ(response.body, std::string(1024, 'x'));
  EXPECT_EQ(header(response, "content-encoding"), "-");
  HttpRequest plain = request("/text?1025");
  plain.accept_encoding = false;
  response = ask(plain);
  EXPECT_EQ(response.body, std::string(1025, 'x'));
  EXPECT_EQ(header(response, "content-encoding"), "-");
  EXPECT_EQ(header(response, "vary"), "Accept-Encoding");
  EXPECT_EQ(header(ask(request("/image")), "content-encoding"), "-");
}

TEST_F(HttpServerTest, SendsLargeReplies) {
  HttpRequest asked = request("/large");
  EXPECT_EQ(ask(asked).body.size(), 50'000'000U);
  asked.accept_encoding = false;
  const std::string body = ask(asked).body;
  EXPECT_EQ(body.size(), 50'000'000U);
  EXPECT_EQ(body.find_first_not_of('x'), std::string::npos);
}

TEST_F(HttpServerTest, KeepsConnections) {
  RawClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.say("GET /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(client.hear("\n\r\n"), Not(HasSubstr("Connection: close")));
    if (HasFailure()) {
      return;
    }
  }
}

TEST_F(HttpServerTest, TurnsExceptionsAndBrokenHeadersIntoA500) {
  for (const std::string path : {"/throw", "/split"}) {
    const HttpResponse response = ask(request(path));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, "the page could not be made; the log says why\n");
  }
}

TEST_F(HttpServerTest, ServesNoFiles) {
  for (const std::string path :
       {"/", "/etc/passwd", "/../../../../etc/passwd", "/%2e%2e/etc/passwd", "//etc/passwd",
        "/.htpasswd", "/index.cgi", "/a.shtml"}) {
    RawClient client(server_->port());
    client.say("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string heard = client.hear();
    EXPECT_THAT(heard, StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
    EXPECT_THAT(heard, ::testing::EndsWith("\r\n\r\nnone")) << path;
  }
}

TEST_F(HttpServerTest, AnswersOnLoopbackToLocalNamesOnly) {
  const auto status_for = [&](const std::string& host) {
    HttpRequest asked = request("/echo");
    asked.headers = {{"Host", host}};
    return ask(asked);
  };
  for (const std::string host : {"localhost", "LOCALHOST:80", "localhost.", "a.localhost",
                                 "127.0.0.1", "127.0.0.1:5000", "[::1]:5000", "10.1.2.3"}) {
    EXPECT_EQ(status_for(host).status, 200) << host;
  }
  for (const std::string host : {"evil.test", "evil.test:5000", "notlocalhost", "1.2.3.4.test"}) {
    EXPECT_EQ(status_for(host).status, 421) << host;
  }
  EXPECT_EQ(status_for("evil.test").body,
            "this server listens on a loopback address and answers to localhost and to IP "
            "addresses, not to \"evil.test\", so that no web site can read its pages through a "
            "browser\n");
  const auto open = start({.listen = "0.0.0.0:0", .threads = 1});
  HttpRequest asked;
  asked.url = "http://127.0.0.1:" + std::to_string(open->port()) + "/echo";
  asked.headers = {{"Host", "heapwatch.example"}};
  EXPECT_EQ(ask(asked).status, 200);
}

TEST_F(HttpServerTest, LimitsTheRequest) {
  HttpRequest asked = request("/echo");
  asked.headers = {{"X-Test", std::string(8'000, 'y')}};
  EXPECT_EQ(ask(asked).status, 200);
  asked.headers = {{"X-Test", std::string(80'000, 'y')}};
  const HttpResult result = fetch(asked);
  EXPECT_TRUE(!result || result->status >= 400);
}

TEST_F(HttpServerTest, SurvivesGarbage) {
  for (const std::string& text :
       {std::string("\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("\x16\x03\x01\0\0\0\r\n\r\n", 10), std::string("GET /echo HTTP/9.9\r\n\r\n"),
        std::string("GET echo HTTP/1.1\r\nHost: \xff\r\n\r\n")}) {
    RawClient client(server_->port());
    client.say(text);
    EXPECT_THAT(client.hear(), Not(StartsWith("HTTP/1.1 200")));
  }
  EXPECT_EQ(ask(request("/echo")).status, 200);
}

/// Holds the only thread of a server by `occupy` and then asks for a page.
class SlowClient : public HttpServerTest {
 protected:
  void expect_service_after(const std::function<void(RawClient&)>& occupy) {
    const auto slow = start({.threads = 1, .request_timeout = std::chrono::milliseconds(300)});
    RawClient client(slow->port());
    occupy(client);
    HttpRequest asked;
    asked.url = "http://127.0.0.1:" + std::to_string(slow->port()) + "/echo";
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(ask(asked).status, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
  }
};

TEST_F(SlowClient, ThatStopsInTheMiddleOfItsRequestLosesTheThread) {
  expect_service_after([](RawClient& client) { client.say("GET /echo HTTP/1.1\r\nHo"); });
}

TEST_F(SlowClient, ThatNeverReadsItsReplyLosesTheThread) {
  expect_service_after(
      [](RawClient& client) { client.say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"); });
}

TEST_F(SlowClient, WhoseRequestDripsInLosesTheThread) {
  std::atomic<bool> over{false};
  std::thread drip;
  expect_service_after([&](RawClient& client) {
    drip = std::thread([&over, socket = client.duplicate()] {
      const RawClient same(socket);
      for (char c = 'a'; !over && same.try_to_say(std::string(1, c));) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the drip itself
      }
    });
  });
  over = true;
  drip.join();
}

TEST_F(HttpServerTest, ServesManyAtOnce) {
  std::vector<std::thread> clients;
  clients.reserve(8);
  std::atomic<int> served{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        served += ask(request("/text?5000")).body.size() == 5000 ? 1 : 0;
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  EXPECT_EQ(served, 80);
}

TEST_F(HttpServerTest, TellsWhyItCannotListen) {
  const std::string here = "127.0.0.1:" + std::to_string(server_->port());
  const auto error = [](const std::string& listen) {
    const auto server = HttpServer::start({.listen = listen}, pages);
    EXPECT_FALSE(server);
    return server ? Error{} : server.error();
  };
  EXPECT_EQ(error(here), (Error{ErrorKind::io, here + " is in use; listen on another port, or on "
                                                      "port 0 for a free one"}));
  EXPECT_EQ(error("192.0.2.1:0"),
            (Error{ErrorKind::io, "192.0.2.1:0: cannot listen: Cannot assign requested address"}));
  const std::string form = ": not an address of the form HOST:PORT, [IPV6]:PORT or :PORT";
  EXPECT_EQ(error("5000"), (Error{ErrorKind::invalid, "\"5000\"" + form}));
  EXPECT_EQ(error("::1:5000"), (Error{ErrorKind::invalid, "\"::1:5000\"" + form}));
  EXPECT_EQ(error("127.0.0.1:http"),
            (Error{ErrorKind::invalid,
                   "\"127.0.0.1:http\": the port is \"http\", not a number from 0 to 65535"}));
  EXPECT_EQ(error("127.0.0.1:65536"),
            (Error{ErrorKind::invalid,
                   "\"127.0.0.1:65536\": the port is \"65536\", not a number from 0 to 65535"}));
  EXPECT_EQ(error("nowhere.invalid:1"),
            (Error{ErrorKind::invalid,
                   "\"nowhere.invalid:1\": the host \"nowhere.invalid\" does not resolve"}));
}

TEST_F(HttpServerTest, ListensWhereItIsTold) {
  for (const std::string listen : {"localhost:0", ":0", "0.0.0.0:0", "127.0.0.2:0"}) {
    const auto server = start({.listen = listen});
    HttpRequest asked;
    asked.url = (listen == "127.0.0.2:0" ? "http://127.0.0.2:" : "http://127.0.0.1:") +
                std::to_string(server->port()) + "/echo";
    EXPECT_EQ(ask(asked).status, 200) << listen;
  }
}

TEST_F(HttpServerTest, ListensOnIpv6) {
  const auto server = start({.listen = "[::1]:0"});
  HttpRequest asked;
  asked.url = "http://[::1]:" + std::to_string(server->port()) + "/echo";
  EXPECT_EQ(ask(asked).status, 200);
  asked.headers = {{"Host", "evil.test"}};
  EXPECT_EQ(ask(asked).status, 421);
}

TEST_F(HttpServerTest, ListensOnEveryAddressOfBothFamilies) {
  const auto server = start({.listen = ":0"});
  for (const std::string host : {"127.0.0.1", "[::1]"}) {
    HttpRequest asked;
    asked.url = "http://" + host + ":" + std::to_string(server->port()) + "/echo";
    EXPECT_EQ(ask(asked).status, 200) << host;
  }
  const std::string here = ":" + std::to_string(server->port());
  const auto second = HttpServer::start({.listen = here}, pages);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), (Error{ErrorKind::io, here + " is in use; listen on another port, or "
                                                         "on port 0 for a free one"}));
}

TEST_F(HttpServerTest, StopsWithClientsOnTheLine) {
  RawClient idle(server_->port());
  idle.say("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(idle.hear("\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  RawClient half(server_->port());
  half.say("GET /ec");
  const auto began = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(7));
}

TEST(AcceptsGzip, RespectsTheWeights) {
  for (const char* const yes : {"gzip", "deflate, gzip", "GZIP;q=0.1", "x-gzip", "*",
                                "br;q=1.0, *;q=0.1", "gzip ; q=0.001", "gzip,"}) {
    EXPECT_TRUE(accepts_gzip(yes)) << yes;
  }
  for (const char* const no :
       {"", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", "br"}) {
    EXPECT_FALSE(accepts_gzip(no)) << no;
  }
}

}  // namespace
}  // namespace heapwatch::net
