#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "http_client_fixture.h"
#include "net/http.h"

namespace heapwatch::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(HttpClient, ReturnsStatusBodyHeadersAndDuration) {
  heapwatch::tests::HttpTarget target;
  target.serve("/x", {.status = 203,
                      .body = "hello",
                      .headers = "X-One:  a b \r\nSet-Cookie: c=1\r\nSet-Cookie: d=2\r\n",
                      .delay = milliseconds(20)});
  HttpRequest asked;
  asked.url = target.url("/x");
  const HttpResult result = fetch(asked);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 203);
  EXPECT_EQ(result->body, "hello");
  EXPECT_EQ(result->headers, (Headers{{"content-length", "5"},
                                      {"x-one", "a b"},
                                      {"set-cookie", "c=1"},
                                      {"set-cookie", "d=2"}}));
  EXPECT_GE(result->duration, milliseconds(20));
}

TEST_F(HttpClient, SendsTheGivenHeadersAndNoOthers) {
  heapwatch::tests::HttpTarget target;
  HttpRequest asked;
  asked.url = target.url("/a?b=c#d");
  asked.accept_encoding = false;
  ASSERT_TRUE(fetch(asked));
  asked.headers = {{"X-One", "1"}, {"User-Agent", "me/1"}, {"X-Empty", ""}, {"Accept", "x/y"}};
  asked.accept_encoding = true;
  asked.keep_alive = false;
  ASSERT_TRUE(fetch(asked));
  const std::string host = "Host: 127.0.0.1:" + std::to_string(target.port()) + "\r\n";
  EXPECT_THAT(target.requests(),
              ::testing::ElementsAre(
                  "GET /a?b=c HTTP/1.1\r\n" + host,
                  "GET /a?b=c HTTP/1.1\r\n" + host +
                      "Accept-Encoding: gzip, deflate\r\nX-One: 1\r\nUser-Agent: me/1\r\n"
                      "X-Empty:\r\nAccept: x/y\r\nConnection: close\r\n"));
}

TEST_F(HttpClient, SendsMethodAndBody) {
  HttpRequest post = request("/echo");
  post.method = "POST";
  post.body = "a=b";
  post.headers = {{"Content-Type", "text/x"}};
  EXPECT_THAT(body_of(post), HasSubstr(R"("method": "POST")"));
  EXPECT_THAT(body_of(post), HasSubstr(R"("body": "a=b")"));
  EXPECT_THAT(body_of(post), HasSubstr(R"(["Content-Type", "text/x"])"));
  HttpRequest put = request("/echo");
  put.method = "PUT";
  EXPECT_THAT(body_of(put), HasSubstr(R"(["Content-Length", "0"])"));
  HttpRequest removal = request("/echo");
  removal.method = "DELETE";
  EXPECT_THAT(body_of(removal), HasSubstr(R"("method": "DELETE")"));
  HttpRequest head = request("/bytes?n=9");
  head.method = "HEAD";
  EXPECT_EQ(body_of(head), "");
}

TEST_F(HttpClient, SendsALargeBodyWithoutWaitingForAContinue) {
  HttpRequest post = request("/echo");
  post.method = "POST";
  post.body.assign(3'000'000, 'x');
  const std::string echoed = body_of(post);
  EXPECT_THAT(echoed, Not(HasSubstr("Expect")));
  EXPECT_GT(echoed.size(), post.body.size());
}

TEST_F(HttpClient, GivesEveryStatusAsAResponse) {
  for (const int status : {200, 304, 401, 404, 500, 599}) {
    const HttpResult result = fetch(request("/status?n=" + std::to_string(status)));
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->status, status);
  }
}

TEST_F(HttpClient, DecodesWhatItOffersToDecode) {
  EXPECT_EQ(body_of(request("/compressed?with=gzip&n=100000")), std::string(100'000, 'x'));
  EXPECT_EQ(body_of(request("/compressed?with=deflate&n=100000")), std::string(100'000, 'x'));
  HttpRequest plain = request("/compressed?with=gzip&n=100000");
  plain.accept_encoding = false;
  EXPECT_EQ(body_of(plain).substr(0, 2), "\x1f\x8b");
}

TEST_F(HttpClient, JoinsChunksAndLeavesTrailersOut) {
  const HttpResult result = fetch(request("/chunked"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->body, "hello world");
  EXPECT_EQ(result->headers, (Headers{{"transfer-encoding", "chunked"}}));
}

TEST_F(HttpClient, TakesABodyThatEndsWithTheConnection) {
  EXPECT_EQ(body_of(request("/until_close")), "to the end");
}

TEST_F(HttpClient, SkipsInformalAnswers) {
  const HttpResult result = fetch(request("/continue"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "done");
  EXPECT_EQ(result->headers.size(), 3U);  // server, date, content-length
}

class CountingFilter final : public BodyFilter {
 public:
  void begin() override { ++begun; }
  void take(std::string_view bytes, std::string& kept) override {
    taken += bytes.size();
    kept = "kept";
  }
  int begun = 0;
  std::size_t taken = 0;
};

TEST_F(HttpClient, HandsALongBodyToAFilter) {
  for (const char* path :
       {"/bytes?n=100000", "/compressed?with=gzip&n=100000", "/compressed?with=deflate&n=100000"}) {
    const auto filter = std::make_shared<CountingFilter>();
    const HttpResult result = fetch(request(path), filter);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(result->filtered);
    EXPECT_EQ(result->body, "kept");
    EXPECT_EQ(result->body_bytes, 100'000U);
    EXPECT_EQ(filter->begun, 1);
    EXPECT_EQ(filter->taken, 100'000U);
  }
}

TEST_F(HttpClient, LeavesAShortBodyAndThatOfAFailureWhole) {
  heapwatch::tests::HttpTarget target;
  target.serve("/failing", {.status = 503, .body = std::string(100'000, 'y')});
  HttpRequest failing;
  failing.url = target.url("/failing");
  for (const auto& [asked, size] :
       {std::pair(failing, 100'000U), std::pair(request("/bytes?n=1000"), 1000U)}) {
    const auto filter = std::make_shared<CountingFilter>();
    const HttpResult result = fetch(asked, filter);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_FALSE(result->filtered);
    EXPECT_EQ(result->body.size(), size);
    EXPECT_EQ(result->body_bytes, size);
    EXPECT_EQ(filter->taken, 0U);
  }
}

TEST_F(HttpClient, HasTheSameLimitForABodyThatIsFiltered) {
  for (const char* path : {"/bytes?n=100000", "/compressed?with=gzip&n=100000"}) {
    HttpRequest asked = request(path);
    asked.body_bytes_max = 99'999;
    const HttpResult result = fetch(asked, std::make_shared<CountingFilter>());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::limit);
  }
}

TEST_F(HttpClient, TakesABodyOfExactlyTheLimit) {
  for (const std::string path :
       {"/bytes?n=1000", "/compressed?with=gzip&n=1000", "/compressed?with=deflate&n=1000"}) {
    HttpRequest asked = request(path);
    asked.body_bytes_max = 1000;
    EXPECT_EQ(body_of(asked), std::string(1000, 'x'));
    asked.body_bytes_max = 999;
    EXPECT_EQ(error_of(asked),
              (Error{ErrorKind::limit, server->url(path.substr(0, path.find('?'))) +
                                           "?...: the body is larger than max_body_size (999 "
                                           "bytes); raise it if such a page is expected"}));
  }
}

TEST_F(HttpClient, GivesUpAGzipBombEarly) {
  HttpRequest asked = request("/bomb");
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(error_of(asked),
            error(ErrorKind::limit, "/bomb",
                  "the body is larger than max_body_size (16777216 bytes); raise it if such a page "
                  "is expected"));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST_F(HttpClient, LimitsTheHeadersOfAnAnswer) {
  EXPECT_EQ(fetch(request("/big_headers?n=200"))->headers.size(), 201U);
  EXPECT_EQ(error_of(request("/big_headers?n=5000")).message,
            server->url("/big_headers") + "?...: the answer has more than 262144 bytes of headers");
}

TEST_F(HttpClient, TellsWhatBroke) {
  EXPECT_EQ(error_of(request("/empty")),
            error(ErrorKind::unreachable, "/empty",
                  "the server closed the connection without an answer"));
  EXPECT_EQ(error_of(request("/reset")), error(ErrorKind::unreachable, "/reset",
                                               "the connection broke: connection reset by peer"));
  EXPECT_EQ(error_of(request("/truncated")),
            error(ErrorKind::unreachable, "/truncated",
                  "the connection was closed before the end of the body (4 bytes came)"));
  EXPECT_EQ(error_of(request("/truncated_chunk")),
            error(ErrorKind::unreachable, "/truncated_chunk",
                  "the connection was closed before the end of the body (4 bytes came)"));
  EXPECT_EQ(error_of(request("/garbage")),
            error(ErrorKind::invalid, "/garbage",
                  "the answer is not HTTP/1: Received HTTP/0.9 when not allowed"));
  EXPECT_EQ(error_of(request("/not_gzip")).kind, ErrorKind::invalid);
  EXPECT_THAT(error_of(request("/not_gzip")).message,
              HasSubstr("/not_gzip: the body does not decode: "));
}

TEST_F(HttpClient, TellsWhoIsNotThere) {
  HttpRequest asked;
  asked.url = "http://127.0.0.1:1/x?key=secret#f";
  EXPECT_EQ(error_of(asked), (Error{ErrorKind::unreachable,
                                    "http://127.0.0.1:1/x?...: cannot connect: connection "
                                    "refused"}));
  asked.url = "http://nowhere.invalid/";
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::unreachable,
                   "http://nowhere.invalid/: the host \"nowhere.invalid\" does not resolve"}));
}

TEST_F(HttpClient, RefusesUrlsItDoesNotSpeak) {
  HttpRequest asked;
  const auto message = [&](const std::string& url) {
    asked.url = url;
    const Error error = error_of(asked);
    EXPECT_EQ(error.kind, ErrorKind::invalid);
    return error.message;
  };
  EXPECT_EQ(message("ftp://h/x"),
            "\"ftp://h/x\": the scheme is \"ftp\"; only http and https are spoken");
  EXPECT_EQ(message("file:///etc/passwd"),
            "\"file:///etc/passwd\": the scheme is \"file\"; only http and https are spoken");
  EXPECT_EQ(message("localhost:80/x"),
            "\"localhost:80/x\": not a URL of the form http://HOST:PORT/PATH or "
            "https://HOST:PORT/PATH");
  EXPECT_EQ(message("http://me:secret@h/x"),
            "\"http://h/x\": the URL carries a user or a password; give them as username and "
            "password");
  EXPECT_EQ(message("http://h:99999/"),
            "\"http://h:99999/\": not a URL of the form http://HOST:PORT/PATH or "
            "https://HOST:PORT/PATH");
  EXPECT_EQ(message("http://a b/"),
            "\"http://a b/\": not a URL of the form http://HOST:PORT/PATH or "
            "https://HOST:PORT/PATH");
}

TEST_F(HttpClient, RefusesHeadersThatWouldSmuggle) {
  HttpRequest asked = request("/echo");
  asked.headers = {{"X-A", "1\r\nX-B: 2"}};
  EXPECT_EQ(error_of(asked),
            error(ErrorKind::invalid, "/echo", "the value of the header X-A holds a line break"));
  asked.headers = {{"X A", "1"}};
  EXPECT_EQ(error_of(asked),
            error(ErrorKind::invalid, "/echo", "the header name \"X A\" is not one"));
  asked.headers = {};
  asked.method = "GET /x HTTP/1.1\r\n";
  EXPECT_EQ(error_of(asked).kind, ErrorKind::invalid);
}

TEST_F(HttpClient, ReadTimeoutCountsSilenceOnly) {
  HttpRequest asked = request("/drip?n=8&seconds=0.1");
  asked.read_timeout = milliseconds(400);
  EXPECT_EQ(body_of(asked), "........");
  for (const std::string path : {"/hang", "/hang_in_body"}) {
    HttpRequest hanging = request(path);
    hanging.read_timeout = milliseconds(200);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(error_of(hanging),
              error(ErrorKind::timeout, path,
                    "no byte came for 200 ms (read_timeout); raise it if the page takes that "
                    "long"));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_GE(took, milliseconds(200));
    EXPECT_LT(took, milliseconds(2000));
  }
}

TEST_F(HttpClient, TotalTimeoutCountsAll) {
  HttpRequest asked = request("/drip?n=100&seconds=0.05");
  asked.total_timeout = milliseconds(300);
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::timeout, server->url("/drip") +
                                           "?...: not complete within 300 ms (total_timeout); "
                                           "raise it if the page takes that long"}));
}

TEST_F(HttpClient, ConnectTimeoutCountsTheHandshake) {
  // A listener that takes nobody in: the TLS handshake never gets an answer.
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  HttpRequest asked;
  asked.url = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  asked.connect_timeout = milliseconds(200);
  asked.read_timeout = milliseconds(100);
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::timeout, asked.url + ": no connection within 200 ms "
                                                   "(connect_timeout); raise it if the host is "
                                                   "that far"}));
  close(listener);
}

TEST_F(HttpClient, ReachesAUnixSocket) {
  const std::string path = ::testing::TempDir() + "net_" + std::to_string(getpid()) + ".sock";
  const heapwatch::tests::TargetServer local({"--unix", path});
  HttpRequest asked;
  asked.url = "http://localhost/echo?x=1";
  asked.unix_socket = path;
  asked.proxy.http = "http://127.0.0.1:1";
  EXPECT_THAT(body_of(asked), HasSubstr(R"("path": "/echo?x=1")"));
  std::filesystem::remove(path);
  EXPECT_EQ(error_of(asked),
            (Error{ErrorKind::unreachable, "http://localhost/echo?... by " + path +
                                               ": cannot connect: no such file or directory"}));
  asked.unix_socket = std::string(200, 'x');
  EXPECT_THAT(error_of(asked).message,
              HasSubstr(": the path of the unix socket has 200 bytes; the system takes 107"));
}

}  // namespace
}  // namespace heapwatch::net
