#include "agent/pages/own_pages.h"

#include <gmock/gmock.h>

#include <string>

namespace heapwatch::agent::pages {
namespace {

class OwnPages : public testing::Test {
 protected:
  [[nodiscard]] net::ServerReply get(const std::string& path, const std::string& query = {}) {
    net::ServerRequest request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    return pages_.answer(request);
  }

  HeapPages heap_{[](const net::ServerRequest&) -> base::Result<memory::native::NativeHeap> {
    return base::fail(base::ErrorKind::not_found, "no such process");
  }};
  MemoryPage memory_{[]() -> base::Result<memory::Survey> {
    return memory::Survey{.pid = 12, .command = "a", .rss = 8192};
  }};
  net::Routes pages_ = own_pages(
      {.report =
           [] {
             SelfReport report;
             report.confd_path = "/here/conf.d";
             report.own.scheduler.instances = 7;
             return report;
           },
       .heap = heap_,
       .memory = memory_,
       .http_sd = {.in_force = [] { return std::make_shared<const wiring::InForce>(); },
                   .discovered = [] { return std::vector<wiring::DiscoveredTarget>(); }}});
};

TEST_F(OwnPages, ShowTheReportOfTheMoment) {
  EXPECT_THAT(get("/debug/vars").body, testing::HasSubstr(R"("scheduler":{"instances":7,)"));
  EXPECT_THAT(get("/status").body, testing::HasSubstr("\n  conf.d: /here/conf.d\n"));
  EXPECT_THAT(get("/status", "format=json").body,
              testing::HasSubstr(R"("conf.d": "/here/conf.d")"));
  EXPECT_THAT(get("/debug/memtrack").body, testing::HasSubstr(R"("accounting": )"));
}

TEST_F(OwnPages, ShowTheMemoryOfTheAgent) {
  EXPECT_THAT(get("/debug/memory").body, testing::HasSubstr(R"("heapwatch.memory/1")"));
  EXPECT_THAT(get("/status").body, testing::HasSubstr("\nMemory\n======\n\n  RSS: 8.00 K\n"));
  EXPECT_THAT(get("/status", "format=json").body, testing::HasSubstr(R"("rss_bytes": 8192)"));
}

TEST_F(OwnPages, ListWhatIsWatched) {
  const net::ServerReply reply = get("/api/v1/http_sd");
  EXPECT_EQ(reply.body, "[\n]\n");
  EXPECT_EQ(reply.content_type, "application/json; charset=utf-8");
}

TEST_F(OwnPages, RefuseWrongParametersOfAProfile) {
  EXPECT_EQ(get("/debug/pprof/heap", "seconds=x").body,
            "seconds must be a whole number from 0 to 3600, not \"x\"\n");
  EXPECT_EQ(get("/debug/pprof/heap").status, 404);
  EXPECT_EQ(get("/debug/pprof/allocs").body, "no such process\n");
}

TEST_F(OwnPages, TellEachOnOneLine) {
  for (const net::Route& route : pages_.all()) {
    EXPECT_THAT(route.help, testing::MatchesRegex("[A-Z][^\n|]+[^.\n]")) << route.path;
  }
}

}  // namespace
}  // namespace heapwatch::agent::pages
