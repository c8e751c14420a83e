#include "net/request_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace heapwatch::net {
namespace {

/// The status, or 200 for a head that is taken.
int status_of(const std::string& bytes) {
  const auto head = parse_request_head(bytes);
  return head ? 200 : head.error().status;
}

int status_with(const std::string& header_lines, const std::string& line = "POST / HTTP/1.1") {
  return status_of(line + "\r\n" + header_lines + "\r\n");
}

TEST(RequestHead, ReadsARequest) {
  const auto head = parse_request_head(
      "\r\nPOST /a%20b/%C3%A9?x=%20&y HTTP/1.1\r\nHost: localhost:80\r\nX-Test:  a b "
      "\t\r\nEmpty:\r\n"
      "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(head) << head.error().sentence;
  EXPECT_EQ(head->request.method, "POST");
  EXPECT_EQ(head->request.path, "/a b/\xc3\xa9");
  EXPECT_EQ(head->request.query, "x=%20&y");
  EXPECT_EQ(head->request.headers, (Headers{{"host", "localhost:80"},
                                            {"x-test", "a b"},
                                            {"empty", ""},
                                            {"content-length", "12"},
                                            {"expect", "100-Continue"}}));
  EXPECT_EQ(head->content_length, 12U);
  EXPECT_TRUE(head->has_body());
  EXPECT_FALSE(head->is_chunked);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_TRUE(head->keeps_alive);
}

TEST(RequestHead, TakesTargetsInTheFormThatProxiesSend) {
  for (const auto& [target, path] :
       {std::pair{"http://localhost:80/debug/vars?a", "/debug/vars"},
        std::pair{"HTTPS://localhost?a", "/"}, std::pair{"http://localhost", "/"},
        std::pair{"*", "*"}, std::pair{"//etc", "//etc"}}) {
    const auto head =
        parse_request_head("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(head) << target;
    EXPECT_EQ(head->request.path, path);
  }
}

TEST(RequestHead, RefusesTwoAnswersToHowLongTheBodyIs) {
  EXPECT_EQ(status_with("Content-Length: 5\r\n"), 200);
  EXPECT_EQ(status_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 200);
  EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\n"), 200);
  for (const std::string lines :
       {"Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 0\r\ncontent-length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
        "Content-Length:\r\n", "Content-Length: 99999999999999999999\r\n"}) {
    EXPECT_EQ(status_with(lines), 400) << lines;
  }
  EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), 400);
}

TEST(RequestHead, RefusesHeadersThatReadersTakeDifferently) {
  for (const std::string& lines :
       {std::string("Content-Length : 5\r\n"), std::string(" Host: a\r\n"),
        std::string("A: b\r\n folded\r\n"), std::string(": x\r\n"), std::string("no colon\r\n"),
        std::string("A(: x\r\n"), std::string("A: b\x01\r\n"), std::string("A: b\0\r\n", 7),
        std::string("A: b\rC: d\r\n"), std::string("A: b\nC: d\r\n"), std::string("A: b\v\r\n"),
        std::string("Host: a\r\nHost: a\r\n")}) {
    EXPECT_EQ(status_with(lines), 400) << lines;
  }
  EXPECT_EQ(status_with("Content-Length : 5\r\n"), 400);
}

TEST(RequestHead, RefusesLinesThatAreNoRequest) {
  for (const std::string& line :
       {std::string(""), std::string("GET"), std::string("GET /"), std::string("GET  / HTTP/1.1"),
        std::string("GET / a HTTP/1.1"), std::string("GET echo HTTP/1.1"),
        std::string("GET /a#b HTTP/1.1"), std::string("GET /%zz HTTP/1.1"),
        std::string("GET /%4 HTTP/1.1"), std::string("GET /%00 HTTP/1.1"),
        std::string("GET /%0d%0aX: HTTP/1.1"), std::string("GET ? HTTP/1.1"),
        std::string("G\tT / HTTP/1.1"), std::string("GET / HTTP/1.1 "),
        std::string("GET / http/1.1"), std::string("GET / HTTP/1.10"),
        std::string("GET /\x01 HTTP/1.1")}) {
    EXPECT_EQ(status_of(line + "\r\nHost: a\r\n\r\n"), 400) << line;
  }
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.2\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
}

TEST(RequestHead, LimitsTheNumberOfHeaders) {
  std::string lines;
  for (std::size_t i = 0; i < request_headers_max; ++i) {
    lines += "A: b\r\n";
  }
  EXPECT_EQ(status_with(lines), 200);
  EXPECT_EQ(status_with(lines + "A: b\r\n"), 431);
}

TEST(RequestHead, KnowsWhetherTheConnectionStays) {
  const auto keeps = [](const std::string& version, const std::string& header) {
    const auto head = parse_request_head("GET / " + version + "\r\n" + header + "\r\n\r\n");
    return head && head->keeps_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", "A: b"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: TE, Close"));
  EXPECT_FALSE(keeps("HTTP/1.0", "A: b"));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close"));
}

TEST(RequestHead, IsFoundHoweverItsBytesCome) {
  const std::string bytes = "GET / HTTP/1.1\r\nA: b\r\n\r\nGET";
  const std::size_t end = bytes.size() - 3;
  for (std::size_t before = 0; before < bytes.size(); ++before) {
    for (std::size_t now = before; now <= bytes.size(); ++now) {
      if (before < end) {  // else it would have been found then
        EXPECT_EQ(head_end(bytes.substr(0, now), before),
                  now < end ? std::nullopt : std::optional(end));
      }
    }
  }
}

TEST(RequestHead, BytesOfAnotherProtocolAreKnownByTheFirst) {
  for (const std::string text : {"", "\r", "\r\n", "\r\nG", "G", "GET / HTTP"}) {
    EXPECT_TRUE(may_be_request(text)) << text;
  }
  for (const std::string text : {"\x16\x03\x01", "\r\n\r\n", "\rG", " GET", "\xff"}) {
    EXPECT_FALSE(may_be_request(text)) << text;
  }
}

}  // namespace
}  // namespace heapwatch::net
