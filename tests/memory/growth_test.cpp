#include "memory/growth.h"

#include <gmock/gmock.h>

#include "memory/json.h"

namespace heapwatch::memory {
namespace {

Survey survey_at(std::chrono::seconds time, std::uint64_t live, std::uint64_t blocks) {
  Survey survey{.pid = 12, .command = "a", .time = std::chrono::system_clock::time_point(time)};
  survey.rows = {
      {.space = Space::native,
       .owner = "glibc",
       .state = State::live,
       .bytes = live,
       .blocks = blocks,
       .source = Source::walk},
      {.space = Space::native,
       .owner = "glibc",
       .state = State::live,
       .detail = "large blocks",
       .bytes = 4096,
       .blocks = 1,
       .source = Source::walk,
       .note = "mapped one by one"},
      {.space = Space::files, .owner = "mapped files", .detail = "clean or shared", .bytes = 8192}};
  survey.rss = live + 4096 + 8192;
  survey.allocators = {{.name = "glibc", .sizes = {{3024, blocks}, {64, 10}}}};
  survey.types = {{Space::python, "dict", blocks, blocks * 100}};
  return survey;
}

TEST(Growth, TellsRowsSizesAndTypesThatGrew) {
  const Growth growth =
      growth_between(reference_of(survey_at(std::chrono::seconds(0), 1 << 20, 100)),
                     reference_of(survey_at(std::chrono::seconds(10), 3 << 20, 800)));
  EXPECT_EQ(to_text(growth),
            "in 10 s: RSS +2.00 M\n"
            "spaces:\n"
            "  native                                                            +2.00 M     +205 "
            "K/s\n"
            "rows:\n"
            "  native glibc live                                                 +2.00 M     +205 "
            "K/s  +700 blocks\n"
            "live blocks by size, what grew most first:\n"
            "  glibc blocks of 3024 bytes                                        +2.02 M     +207 "
            "K/s  +700 blocks\n"
            "live objects by type, what grew most first:\n"
            "  python dict                                                       +68.4 K    +6.84 "
            "K/s  +700 objects\n");
}

TEST(Growth, AFileOfJsonIsTheSurveyThatItWasMadeOf) {
  const Survey survey = survey_at(std::chrono::seconds(10), 3 << 20, 800);
  const auto back = parse_reference(to_json(survey, {.types = true}));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->rss, survey.rss);
  const Growth growth = growth_between(*back, reference_of(survey));
  EXPECT_EQ(growth.rss, 0);
  EXPECT_TRUE(growth.spaces.empty());
  EXPECT_TRUE(growth.rows.empty());
  EXPECT_TRUE(growth.sizes.empty());
  EXPECT_TRUE(growth.types.empty());
}

TEST(Growth, ARowIsTheSameWhateverItsNoteExplainsAndHoweverTornItIs) {
  Survey survey = survey_at(std::chrono::seconds(10), 3 << 20, 800);
  survey.rows[0].torn_bytes = 5000;
  survey.rows[1].torn_bytes = 5000;
  survey.rows.push_back({.space = Space::native,
                         .owner = "jemalloc",
                         .state = State::live,
                         .bytes = 4096,
                         .source = Source::walk,
                         .note = "with what lies in caches of threads",
                         .torn_bytes = 7});
  const auto back = parse_reference(to_json(survey, {}));
  ASSERT_TRUE(back) << back.error().message;
  for (Row& row : survey.rows) {
    row.torn_bytes = row.torn_bytes == 0 ? 300 : 0;
  }
  EXPECT_TRUE(growth_between(*back, reference_of(survey)).rows.empty());
}

TEST(Growth, TypesThatWereCountedOnceOnlyAreNotCompared) {
  Survey later = survey_at(std::chrono::seconds(10), 3 << 20, 800);
  later.types.clear();
  const Growth growth = growth_between(
      reference_of(survey_at(std::chrono::seconds(0), 1 << 20, 100)), reference_of(later));
  EXPECT_FALSE(growth.rows.empty());
  EXPECT_TRUE(growth.types.empty());
}

TEST(Growth, AnotherFileIsRefused) {
  EXPECT_EQ(parse_reference("{").error().message, "it is no JSON: wrong at byte 1");
  EXPECT_EQ(parse_reference("[]").error().message,
            "it is not what \"heapwatch memory PID --json\" writes: one object with \"schema\": "
            "\"heapwatch.memory/1\"");
  EXPECT_TRUE(
      parse_reference(R"({"schema":"heapwatch.memory/1","rows":[3,{"bytes":"x"}],"types":7})"));
}

}  // namespace
}  // namespace heapwatch::memory
