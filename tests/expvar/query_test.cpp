#include "expvar/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::expvar {
namespace {

using testing::ElementsAre;

std::vector<std::string> shown(std::string_view page, const Path& path) {
  const auto found = query(page, path);
  if (!found) {
    return {found.error().message};
  }
  std::vector<std::string> all;
  for (const QueryMatch& match : *found) {
    all.push_back(match.path + "|" + match.json);
  }
  return all;
}

std::vector<std::string> shown(std::string_view page, std::string_view path) {
  return shown(page, parse_path(path).value());
}

TEST(Query, PrintsAnObject) {
  EXPECT_THAT(
      shown(R"({"rtloader":{"Allocations":18446744073709551615,"l":[1,{}],"s":"\u00fc\n"}})",
            "rtloader"),
      ElementsAre("rtloader|{\n  \"Allocations\": 18446744073709551615,\n  \"l\": [\n    1,\n"
                  "    {}\n  ],\n  \"s\": \"ü\\n\"\n}"));
}

TEST(Query, PrintsScalarsAsTheyStand) {
  EXPECT_THAT(
      shown(R"({"a":1.50,"b":"x","c":true,"d":false,"e":null,"f":NaN,"g":"\u0041b"})", ".*"),
      ElementsAre("a|1.50", "b|\"x\"", "c|true", "d|false", "e|null", "f|NaN", "g|\"Ab\""));
}

TEST(Query, PrintsThePageWithoutAPath) {
  EXPECT_THAT(shown("[1]", Path{}), ElementsAre("|[\n  1\n]"));
  EXPECT_THAT(shown(" 7 ", Path{}), ElementsAre("|7"));
}

TEST(Query, ReadsPagesWithMembersThatAreNoJson) {
  EXPECT_THAT(shown(R"({"a": +Inf, "b": {"c": 1}})", "b/c"), ElementsAre("b/c|1"));
}

TEST(Query, SaysWhatIsNear) {
  EXPECT_THAT(shown(R"({"rtloader":{}})", "rtloadr"),
              ElementsAre("no results matching path rtloadr: the page has no key matching "
                          "\"rtloadr\"; did you mean \"rtloader\"?"));
}

TEST(Query, SaysWhatIsWrongWithAPage) {
  EXPECT_THAT(shown("{", "a"), ElementsAre("page line 1, column 2: the page ends too early"));
}

}  // namespace
}  // namespace heapwatch::expvar
