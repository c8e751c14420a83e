#include "expvar/page_walker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::expvar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Path path(std::string_view text) {
  return parse_path(text).value();
}

Plan plan_of(const std::vector<std::string>& paths) {
  std::vector<WantedPath> targets;
  for (const std::string& text : paths) {
    targets.push_back({.path = path(text)});
  }
  return Plan(std::move(targets));
}

std::string shown(const PageMatches& matches, const Match& match) {
  return matches.path(match).text() + " = " +
         (match.number ? base::to_text(*match.number) : std::string(with_article(match.kind)));
}

/// All matches in the order of the paths, or the error.
std::vector<std::string> walked(const Plan& plan, std::string_view page) {
  PageWalker walker;
  PageMatches matches;
  if (const auto done = walker.walk(plan, page, matches); !done) {
    return {done.error().message};
  }
  std::vector<std::string> all;
  for (std::size_t target = 0; target < plan.wanted_count(); ++target) {
    matches.for_each(static_cast<WantedIndex>(target),
                     [&](const Match& match) { all.push_back(shown(matches, match)); });
  }
  return all;
}

std::string error_of(std::string_view page) {
  PageWalker walker;
  PageMatches matches;
  const auto done = walker.walk(plan_of({"a"}), page, matches);
  return done ? "no error" : done.error().message;
}

TEST(PageWalker, FindsValuesByTheirPaths) {
  EXPECT_THAT(walked(plan_of({"a/b", "c"}), R"({"c": 1.5, "a": {"x": 0, "b": 7}})"),
              ElementsAre("a/b = 7", "c = 1.5"));
}

TEST(PageWalker, KeepsTheOrderOfTheDocumentWithinAPath) {
  EXPECT_THAT(walked(plan_of({".*/n", "b/n"}), R"({"c":{"n":1},"b":{"n":2},"a":{"n":3}})"),
              ElementsAre("c/n = 1", "b/n = 2", "a/n = 3", "b/n = 2"));
}

TEST(PageWalker, NumbersTheElementsOfArrays) {
  EXPECT_THAT(walked(plan_of({R"(l/\d+/v)", "l/01/v", "l/-1/v", "l/1/v"}),
                     R"({"l": [{"v": 10}, {"v": 11}, 5]})"),
              ElementsAre("l/0/v = 10", "l/1/v = 11", "l/1/v = 11"));
}

TEST(PageWalker, TakesAnArrayForAPage) {
  EXPECT_THAT(walked(plan_of({"1"}), "[4, 5, 6]"), ElementsAre("1 = 5"));
  EXPECT_THAT(walked(plan_of({"1"}), " 12 "), IsEmpty());
}

TEST(PageWalker, TellsKindsOfValuesApart) {
  EXPECT_THAT(walked(plan_of({".*"}), R"({"t":true,"f":false,"n":null,"s":"x","d":"1_0",
                                          "o":{},"l":[1]})"),
              ElementsAre("t = 1", "f = 0", "n = null", "s = text", "d = 10", "o = an object",
                          "l = an array"));
}

TEST(PageWalker, KeepsIntegersExact) {
  EXPECT_THAT(walked(plan_of({".*"}), R"({"a":18446744073709551615,"b":-9223372036854775808,
                                          "c":9007199254740993,"d":0.1,"e":-0})"),
              ElementsAre("a = 18446744073709551615", "b = -9223372036854775808",
                          "c = 9007199254740993", "d = 0.1", "e = 0"));
}

TEST(PageWalker, TakesPythonsWordsForNumbersThatAreNotFinite) {
  EXPECT_THAT(walked(plan_of({".*"}), R"({"a":NaN,"b":Infinity,"c":-Infinity})"),
              ElementsAre("a = nan", "b = inf", "c = -inf"));
}

TEST(PageWalker, ReadsNumbersBeyondDoublesAsInfinities) {
  EXPECT_THAT(walked(plan_of({".*"}), R"({"a":1e400,"b":-1e400,"c":1e-400})"),
              ElementsAre("a = inf", "b = -inf", "c = 0"));
}

TEST(PageWalker, LetsTheLastMemberOfANameWin) {
  EXPECT_THAT(walked(plan_of({"a/.*", "a"}), R"({"a":{"x":1,"y":2},"b":0,"a":{"x":3}})"),
              ElementsAre("a/x = 3", "a = an object"));
  EXPECT_THAT(walked(plan_of({".*"}), R"({"a":1,"b":2,"\u0061":3,"c":4,"a":5})"),
              ElementsAre("b = 2", "c = 4", "a = 5"));
  EXPECT_THAT(walked(plan_of({"a/b"}), R"({"a":{"b":1},"a":7})"), IsEmpty());
}

TEST(PageWalker, ReadsEscapedKeysAndText) {
  EXPECT_THAT(
      walked(plan_of({R"(a\/b/c"d)", "ü"}), R"({"a\/b":{"c\"d":"\u0031\u0032"},"\u00fc":3})"),
      ElementsAre("a\\/b/c\"d = 12", "ü = 3"));
}

TEST(PageWalker, DoesNotDescendIntoScalars) {
  EXPECT_THAT(walked(plan_of({"a/b"}), R"({"a": 5})"), IsEmpty());
}

TEST(PageWalker, SkipsWhatNoPathEnters) {
  EXPECT_THAT(walked(plan_of({"z"}), R"({"a":{"z":1,"b":[{"z":2}]},"z":3})"), ElementsAre("z = 3"));
}

TEST(PageWalker, SharesTheStepsOfPaths) {
  EXPECT_THAT(walked(plan_of({"m/.*/x", "m/.*/y", "m/a", "m"}), R"({"m":{"a":{"y":1,"x":2}}})"),
              ElementsAre("m/a/x = 2", "m/a/y = 1", "m/a = an object", "m = an object"));
}

TEST(PageWalker, KeepsOnlyWhatATargetAsksForAndCountsTheRest) {
  const Plan plan({{.path = path(".*"), .numbers_max = 2, .others_max = 1}});
  PageWalker walker;
  PageMatches matches;
  ASSERT_TRUE(walker.walk(plan, R"({"a":1,"b":2,"c":3,"d":null,"e":null})", matches));
  std::vector<std::string> all;
  matches.for_each(WantedIndex{0}, [&](const Match& m) { all.push_back(shown(matches, m)); });
  EXPECT_THAT(all, ElementsAre("a = 1", "b = 2", "d = null"));
  EXPECT_EQ(matches.of(WantedIndex{0}).numbers, 3U);
  EXPECT_EQ(matches.of(WantedIndex{0}).others, 2U);
}

TEST(PageWalker, KeepsAValueFromATargetThatYieldsToAHigherRank) {
  const Plan plan({{.path = path("a"), .rank = 1, .yields = true},
                   {.path = path("b"), .rank = 1, .yields = true},
                   {.path = path("a.?"), .rank = 2},
                   {.path = path(".*"), .rank = 0}});
  EXPECT_THAT(walked(plan, R"({"a":1,"b":2})"), ElementsAre("b = 2", "a = 1", "a = 1", "b = 2"));
}

TEST(PageWalker, CollectsEveryNumberOnRequest) {
  const Plan plan({{.path = path("a/x"), .rank = 1}},
                  {.include = {}, .exclude = {path("c"), path("l/1")}});
  EXPECT_THAT(walked(plan, R"({"a":{"x":1,"y":2,"s":"3","b":true},"c":{"d":4},"l":[5,6],"e":7.5})"),
              ElementsAre("a/x = 1", "a/y = 2", "l/0 = 5", "e = 7.5"));
}

TEST(PageWalker, CollectsOnlyBelowWhatIsIncluded) {
  const Plan plan({}, {.include = {path("a"), path(".*/c/d")}, .exclude = {path("a/c")}});
  EXPECT_THAT(walked(plan, R"({"a":{"x":1,"c":{"d":2}},"b":{"c":{"d":3,"e":4}}})"),
              ElementsAre("a/x = 1", "b/c/d = 3"));
}

TEST(PageWalker, RefusesWhatIsNotOnePieceOfJson) {
  EXPECT_EQ(error_of(""), "page line 1, column 1: the page is empty; JSON is expected");
  EXPECT_EQ(error_of(" \n"), "page line 1, column 1: the page is empty; JSON is expected");
  EXPECT_EQ(error_of("\xef\xbb\xbf{}"),
            "page line 1, column 1: the page begins with a byte order mark; JSON in plain UTF-8 is "
            "expected");
  EXPECT_EQ(error_of("{}\n x"),
            "page line 2, column 2: there is something behind the end of the JSON");
  EXPECT_EQ(error_of(std::string_view("{}\0{}", 5)),
            "page line 1, column 3: there is something behind the end of the JSON");
  EXPECT_EQ(error_of("{\"a\": 1\n\"b\": 2}"),
            "page line 2, column 1: a comma or } is missing after a member");
  EXPECT_EQ(error_of("{\"a\": [1 2]}"),
            "page line 1, column 10: a comma or ] is missing after an element");
  EXPECT_EQ(error_of("{\"a\" 1}"),
            "page line 1, column 6: a colon is missing after the name of a member");
  EXPECT_EQ(error_of("{a: 1}"), "page line 1, column 2: the name of a member is missing");
  EXPECT_EQ(error_of("<html>"), "page line 1, column 1: this is not a JSON value");
  EXPECT_EQ(error_of("{\"a\": 1"), "page line 1, column 8: the page ends too early");
  EXPECT_EQ(error_of("{\"a\": \"x"), "page line 1, column 9: the page ends too early");
  EXPECT_EQ(error_of("{\"a\": \"\n\"}"),
            "page line 1, column 8: a string holds an invalid escape or a control character");
  EXPECT_EQ(error_of("{\"a\": \"\\q\"}"),
            "page line 1, column 8: a string holds an invalid escape or a control character");
}

TEST(PageWalker, NamesPlacesOfThePageEvenAfterRepairs) {
  EXPECT_EQ(error_of("{\"x\": +Inf, \"\\a\": ,\n \"b\" 2}"),
            "page line 2, column 6: a colon is missing after the name of a member");
}

TEST(PageWalker, HasALimitOnDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(error_of(nested(page_depth_max)), "no error");
  EXPECT_EQ(error_of(nested(page_depth_max + 1)),
            "page line 1, column 257: objects and arrays are nested deeper than 256");
  EXPECT_EQ(error_of(std::string(1'000'000, '[')),
            "page line 1, column 257: objects and arrays are nested deeper than 256");
}

struct InvalidMembers {
  std::vector<std::string> values;
  std::uint64_t invalid = 0;
  std::size_t first_at = 0;
};

InvalidMembers walked_with_invalid(std::string_view page) {
  PageWalker walker;
  PageMatches matches;
  const Plan plan = plan_of({".*"});
  const auto done = walker.walk(plan, page, matches);
  EXPECT_TRUE(done.has_value()) << done.error().message;
  InvalidMembers result{
      .values = {}, .invalid = matches.invalid_members, .first_at = matches.first_invalid_at};
  matches.for_each(WantedIndex{0},
                   [&](const Match& m) { result.values.push_back(shown(matches, m)); });
  return result;
}

TEST(PageWalker, LosesOnlyTheMembersThatGoCannotPrint) {
  const auto result = walked_with_invalid(
      "{\n\"a\": 1,\n\"nan\": ,\n\"p\": +Inf,\n\"m\": -Inf,\n\"i\": Inf,\n\"l\": [1, "
      "+Inf],\n\"b\": 2,\n"
      "\"w\": {\"x\": some thing},\n\"last\": \n}\n");
  EXPECT_THAT(result.values, ElementsAre("a = 1", "nan = null", "p = null", "m = null", "i = null",
                                         "l = an array", "b = 2", "w = an object", "last = null"));
  EXPECT_EQ(result.invalid, 7U);
  EXPECT_EQ(result.first_at, 17U);
}

TEST(PageWalker, CountsInvalidMembersThatNoPathTakesToo) {
  PageWalker walker;
  PageMatches matches;
  ASSERT_TRUE(walker.walk(plan_of({"a"}), R"({"x": -Inf, "y": -NaN, "a": 1})", matches));
  EXPECT_EQ(matches.invalid_members, 2U);
}

TEST(PageWalker, ReadsTheEscapesOfGosQuoting) {
  const auto result =
      walked_with_invalid(R"({"bell\a": 1, "tab\v": 2, "del\x7f": 3, "raw\xff": 4, "\U0001f600": 5,
                              "\ud800": 6, "\ud83d\ude00x": 7, "q\"\\n": 8})");
  EXPECT_THAT(result.values,
              ElementsAre("bell\a = 1", "tab\v = 2", "del\x7f = 3", "raw\ufffd = 4",
                          "\U0001f600 = 5", "\ufffd = 6", "\U0001f600x = 7", "q\"\\n = 8"));
  EXPECT_EQ(result.invalid, 0U);
}

TEST(PageWalker, ReusesItsMemoryForThePageOfTheNextRun) {
  PageWalker walker;
  PageMatches matches;
  const Plan plan = plan_of({"a/.*"});
  for (int run = 0; run < 3; ++run) {
    ASSERT_TRUE(walker.walk(plan, R"({"a":{"x":1,"y":2}})", matches));
    ASSERT_NE(matches.first(WantedIndex{0}), nullptr);
    EXPECT_EQ(shown(matches, *matches.first(WantedIndex{0})), "a/x = 1");
  }
}

}  // namespace
}  // namespace heapwatch::expvar
