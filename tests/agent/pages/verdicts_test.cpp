#include "agent/pages/verdicts.h"

#include <gmock/gmock.h>

#include "agent/pages/memory_page.h"
#include "agent/pages/own_pages.h"

namespace heapwatch::agent::pages {
namespace {

using testing::HasSubstr;

Verdicts made() {
  leak::Finding leak{.verdict = leak::Verdict::leak, .space = "native"};
  leak.rate = leak::Rate{.value = 1024, .low = 1000, .high = 1050};
  leak.stack = {{"keep", "/src/shop.c", 12, "native"}};
  leak::Finding other{.verdict = leak::Verdict::leak, .space = "python"};
  return {{.pid = 12,
           .name = "shop\n",
           .target = "the process name shop",
           .verdict = leak::Verdict::leak,
           .confidence = leak::Confidence::high,
           .sentence = "leak in native memory: +60 KiB/min",
           .leaks = {leak, other},
           .for_time = std::chrono::seconds(300),
           .next = {"heapwatch memory 12"}},
          {.pid = 13, .name = "new", .target = "x", .sentence = "cannot tell yet: too few looks"}};
}

constexpr const char* json =
    R"([{"pid":12,"name":"shop\n","target":"the process name shop","verdict":"leak",)"
    R"("space":"native","confidence":"high","sentence":"leak in native memory: +60 KiB/min",)"
    R"("for_s":300,"leaks":[{"space":"native","rate_bytes_per_s":{"value":1024,"low":1000,)"
    R"("high":1050},"site":{"function":"keep","file":"/src/shop.c","line":12}},)"
    R"({"space":"python","rate_bytes_per_s":null,"site":null}],"next":["heapwatch memory 12"]},)"
    R"({"pid":13,"name":"new","target":"x","verdict":"cannot_tell","space":null,)"
    R"("confidence":"low","sentence":"cannot tell yet: too few looks","for_s":0,"leaks":[],)"
    R"("next":[]}])";

TEST(Verdicts, AreALineForEachProcess) {
  EXPECT_EQ(verdict_lines(made()),
            "  12 shop\\n: leak in native memory: +60 KiB/min (for 5 min)\n"
            "  13 new: cannot tell yet: too few looks\n");
  EXPECT_EQ(verdict_lines({}), "");
}

TEST(Verdicts, AreAListInJson) {
  EXPECT_EQ(verdicts_json(made()), json);
}

TEST(Verdicts, StandOnThePageOfMemoryAndInTheStatus) {
  const auto look = []() -> base::Result<memory::Survey> {
    return memory::Survey{.pid = 9, .command = "a", .rss = 8192};
  };
  MemoryPage page(look, std::chrono::steady_clock::now, made);
  net::ServerRequest request;
  EXPECT_THAT(page.answer(request).body, HasSubstr("\"verdicts\": " + std::string(json)));
  request.query = "format=text";
  EXPECT_THAT(page.answer(request).body,
              HasSubstr("\nwhether watched processes leak:\n  12 shop\\n: leak in native memory"));
  SelfReport report;
  report.verdicts = made();
  EXPECT_THAT(status_text(report, false), HasSubstr("\nLeaks\n=====\n\n  12 shop"));
  EXPECT_THAT(status_json(report), HasSubstr("\"verdicts\": " + std::string(json)));
}

TEST(Verdicts, ThePageSaysNothingOfThemWhereNothingIsWatched) {
  MemoryPage page([]() -> base::Result<memory::Survey> { return memory::Survey{.pid = 9}; });
  net::ServerRequest request;
  request.query = "format=text";
  EXPECT_THAT(page.answer(request).body, testing::Not(HasSubstr("leak")));
}

}  // namespace
}  // namespace heapwatch::agent::pages
