#include "net/routes.h"

#include <gmock/gmock.h>

#include <string>

namespace heapwatch::net {
namespace {

ServerRequest request(std::string method, std::string path, std::string query = {}) {
  ServerRequest made;
  made.method = std::move(method);
  made.path = std::move(path);
  made.query = std::move(query);
  return made;
}

Routes three_pages() {
  const auto says = [](std::string text) {
    return
        [text = std::move(text)](const ServerRequest&) { return ServerReply{.body = text + "\n"}; };
  };
  return Routes({{.path = "/vars",
                  .help = "What is counted",
                  .handler = says("vars"),
                  .shared = Route::Shared::by_query},
                 {.path = "/metrics",
                  .help = "The same for a scrape",
                  .handler = says("metrics"),
                  .shared = Route::Shared::by_accept},
                 {.path = "/names",
                  .help = "Names of addresses",
                  .handler = says("names"),
                  .takes_long = true,
                  .post_bytes_max = 100}});
}

std::string answer(const std::string& method, const std::string& path) {
  const ServerReply reply = three_pages().answer(request(method, path));
  return std::to_string(reply.status) + " " + reply.body;
}

TEST(Routes, AnswerWithThePageOfThePath) {
  EXPECT_EQ(answer("GET", "/vars"), "200 vars\n");
  EXPECT_EQ(answer("HEAD", "/metrics"), "200 metrics\n");
  EXPECT_EQ(answer("POST", "/names"), "200 names\n");
}

TEST(Routes, NameThePagesThatThereAreWhereThereIsNone) {
  EXPECT_EQ(answer("GET", "/other"), "404 not found; pages here: /vars, /metrics, /names\n");
  EXPECT_EQ(answer("GET", "/vars/"), "404 not found; pages here: /vars, /metrics, /names\n");
}

TEST(Routes, ListThePagesAtTheRoot) {
  EXPECT_EQ(answer("GET", "/"),
            "200 /vars     What is counted\n/metrics  The same for a scrape\n"
            "/names    Names of addresses\n");
}

TEST(Routes, TakeAPostOnlyWhereThePageDoes) {
  const ServerReply reply = three_pages().answer(request("POST", "/vars"));
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.body, "POST is not served at /vars, only GET and HEAD\n");
  EXPECT_EQ(reply.headers, (Headers{{"Allow", "GET, HEAD"}}));
}

TEST(Routes, GiveTheServerTheRulesOfThePages) {
  const ServerOptions options = three_pages().options("127.0.0.1:0");
  EXPECT_EQ(options.listen, "127.0.0.1:0");
  EXPECT_EQ(options.body_bytes_max, 100U);
  EXPECT_TRUE(options.takes_long(request("GET", "/names")));
  EXPECT_FALSE(options.takes_long(request("GET", "/vars")));
  EXPECT_FALSE(options.takes_long(request("GET", "/other")));
  EXPECT_EQ(options.shared_as(request("GET", "/vars", "a=1")), "/vars?a=1");
  ServerRequest scrape = request("GET", "/metrics", "a=1");
  scrape.headers = {{"accept", "text/plain"}};
  EXPECT_EQ(options.shared_as(scrape), "/metrics?text/plain");
  EXPECT_EQ(options.shared_as(request("GET", "/names")), "");
  EXPECT_EQ(options.shared_as(request("GET", "/other")), "");
}

}  // namespace
}  // namespace heapwatch::net
