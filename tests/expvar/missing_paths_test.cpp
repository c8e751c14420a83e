#include "expvar/missing_paths.h"

#include <gtest/gtest.h>

#include <array>

namespace heapwatch::expvar {
namespace {

std::string explained(std::string_view text, std::string_view page) {
  const Path path = parse_path(text).value();
  const std::array<const Path*, 1> paths{&path};
  PageWalker walker;
  return explain_missing(page, paths, walker).at(0);
}

TEST(ExplainMissing, NamesTheStepThatFailedAndWhatIsNear) {
  EXPECT_EQ(explained("rtloader/Inuse", R"({"rtloader":{"Frees":1,"InuseBytes":2}})"),
            "no results matching path rtloader/Inuse: \"rtloader\" has no key matching \"Inuse\"; "
            "did you mean \"InuseBytes\"?");
  EXPECT_EQ(explained("rtlaoder/Inuse", R"({"rtloader":{"InuseBytes":2}})"),
            "no results matching path rtlaoder/Inuse: the page has no key matching \"rtlaoder\"; "
            "did you mean \"rtloader\"?");
}

TEST(ExplainMissing, SaysWhatCannotBeEntered) {
  EXPECT_EQ(explained("a/b/c", R"({"a":{"b":5}})"),
            "no results matching path a/b/c: \"a/b\" is a number, not an object");
  EXPECT_EQ(explained("a", "7"), "no results matching path a: the page is a number, not an object");
}

TEST(ExplainMissing, KnowsArrays) {
  EXPECT_EQ(explained("l/7", R"({"l":[1,2]})"),
            "no results matching path l/7: \"l\" has no element matching \"7\"");
}

TEST(ExplainMissing, LooksIntoTheFirstOfSeveralMatches) {
  EXPECT_EQ(explained("h.*/cuont", R"({"h1":{"count":1},"h2":{"cuonts":1}})"),
            "no results matching path h.*/cuont: \"h1\" has no key matching \"cuont\"; did you "
            "mean \"count\"?");
}

TEST(ExplainMissing, ExplainsSeveralPathsAtOnce) {
  const Path first = parse_path("a/count").value();
  const Path second = parse_path("free").value();
  const std::array<const Path*, 2> paths{&first, &second};
  PageWalker walker;
  const auto sentences = explain_missing(R"({"a":{"y":1}})", paths, walker);
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_EQ(sentences[0], "no results matching path a/count: \"a\" has no key matching \"count\"");
  EXPECT_EQ(sentences[1], "no results matching path free: the page has no key matching \"free\"");
}

}  // namespace
}  // namespace heapwatch::expvar
