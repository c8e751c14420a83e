#include "agent/pages/memory_page.h"

#include <gmock/gmock.h>

namespace heapwatch::agent::pages {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

class Page : public testing::Test {
 protected:
  Page()
      : page(
            [this]() -> base::Result<memory::Survey> {
              ++looks;
              if (!failure.empty()) {
                return base::fail(base::ErrorKind::not_found, failure);
              }
              return survey;
            },
            [this] { return now; }) {
    survey.rows = {{.space = memory::Space::native,
                    .owner = "glibc",
                    .state = memory::State::live,
                    .detail = "arenas",
                    .bytes = 2048},
                   {.space = memory::Space::native,
                    .owner = "loader",
                    .state = memory::State::live,
                    .bytes = 1024},
                   {.space = memory::Space::files, .owner = "mapped files", .bytes = 4096},
                   {.space = memory::Space::unexplained, .bytes = 1024}};
  }
  net::ServerReply get(std::string query = "", std::string accept = "*/*") {
    return page.answer({.method = "GET",
                        .path = "/debug/memory",
                        .query = std::move(query),
                        .headers = {{"accept", std::move(accept)}},
                        .body = {}});
  }

  memory::Survey survey{.pid = 12, .command = "a", .rss = 8192};
  std::string failure;
  int looks = 0;
  std::chrono::steady_clock::time_point now{};
  MemoryPage page;
};

TEST_F(Page, IsJsonForProgramsAndTextForPeople) {
  EXPECT_EQ(get().content_type, "application/json; charset=utf-8");
  EXPECT_THAT(get().body, HasSubstr("\"heapwatch.memory/1\""));
  EXPECT_THAT(get("", "text/html,application/xhtml+xml,*/*;q=0.8").body, StartsWith("pid 12"));
  EXPECT_THAT(get("format=text").body, StartsWith("pid 12"));
  EXPECT_THAT(get("format=json", "text/html").body, HasSubstr("\"heapwatch.memory/1\""));
  const auto wrong = get("format=xml");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.body, "format must be json or text, not \"xml\"\n");
}

TEST_F(Page, LooksOnceInFiveSecondsHoweverOftenItIsAsked) {
  for (int i = 0; i < 100; ++i) {
    (void)get(i % 2 == 0 ? "format=text" : "format=json");
  }
  EXPECT_EQ(looks, 1);
  now += seconds(5);
  (void)get();
  EXPECT_EQ(looks, 2);
}

TEST_F(Page, SaysWhyThereIsNothingToSee) {
  failure = "process 12 has ended";
  EXPECT_EQ(get().status, 503);
  EXPECT_EQ(get().body, "process 12 has ended\n");
}

TEST_F(Page, StatusHasALineForEachSpaceAndState) {
  survey.missing = {{"its memory", "Yama forbids it", ""}};
  EXPECT_EQ(memory_lines(survey),
            "  RSS: 8.00 K\n"
            "    native live: 3.00 K\n"
            "    files mapped: 4.00 K\n"
            "    unexplained: 1.00 K\n"
            "  Swap: 0 B\n"
            "  Missing: its memory: Yama forbids it\n");
}

}  // namespace
}  // namespace heapwatch::agent::pages
