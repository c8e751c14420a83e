#include "expvar/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::expvar {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Segment segment(std::string_view text) {
  auto parsed = Segment::parse(text);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return *std::move(parsed);
}

std::vector<std::string> texts(std::string_view path) {
  std::vector<std::string> all;
  const auto parsed = parse_path(path);
  EXPECT_TRUE(parsed.has_value()) << path;
  for (const Segment& s : parsed->segments) {
    all.push_back(s.text());
  }
  return all;
}

std::string error_of_path(std::string_view path) {
  const auto parsed = parse_path(path);
  return parsed ? "no error" : parsed.error().message;
}

TEST(ParsePath, SplitsAtSlashes) {
  EXPECT_THAT(texts("memstats/HeapAlloc"), ElementsAre("memstats", "HeapAlloc"));
  EXPECT_THAT(texts("/a//b/"), ElementsAre("", "a", "", "b", ""));
}

TEST(ParsePath, TakesAnEscapedSlashForPartOfTheKey) {
  EXPECT_THAT(texts(R"(shard:\/var/x)"), ElementsAre("shard:/var", "x"));
  EXPECT_THAT(texts(R"(a\\/b)"), ElementsAre(R"(a\\)", "b"));
  EXPECT_THAT(texts(R"(\d+\/\w)"), ElementsAre(R"(\d+/\w)"));
}

TEST(ParsePath, WritesTheSamePathAgain) {
  EXPECT_EQ(parse_path(R"(shard:\/var/x)")->text(), R"(shard:\/var/x)");
  const std::vector<std::string> list{"shard", "x/y", R"(a\/b)"};
  EXPECT_EQ(make_path(list)->text(), R"(shard/x\/y/a\/b)");
}

TEST(ParsePath, SaysWhatIsWrongWithARegularExpression) {
  EXPECT_EQ(error_of_path("a/*"),
            "path segment \"*\" is no regular expression: no argument for repetition operator: *; "
            "write \".*\" for every key");
  EXPECT_EQ(error_of_path("a/(?=b)"),
            "path segment \"(?=b)\" is no regular expression: invalid perl operator: (?=");
  EXPECT_EQ(error_of_path(R"((a)\1)"),
            "path segment \"(a)\\1\" is no regular expression: invalid escape sequence: \\1");
  EXPECT_EQ(error_of_path("[a"), "path segment \"[a\" is no regular expression: missing ]: [a");
  EXPECT_EQ(error_of_path("a\\"), "path segment \"a\\\" is no regular expression: trailing \\");
}

TEST(ParsePath, HasLimits) {
  EXPECT_EQ(error_of_path(std::string(5000, 'a')), "a path has at most 4096 bytes");
  EXPECT_EQ(error_of_path(std::string(64, '/')), "a path has at most 64 segments, not 65");
}

TEST(Segment, ComparesLettersAndDigits) {
  EXPECT_TRUE(segment("HeapAlloc").matches("HeapAlloc"));
  EXPECT_FALSE(segment("HeapAlloc").matches("heapalloc"));
  EXPECT_FALSE(segment("HeapAlloc").matches("HeapAlloc\n"));
  EXPECT_TRUE(segment("größe").is_literal());
  EXPECT_FALSE(segment("a_b").is_literal());
}

TEST(Segment, IsARegularExpressionWithAnyOtherCharacter) {
  EXPECT_TRUE(segment("a.b").matches("aXb"));
  EXPECT_TRUE(segment("dogstatsd-udp").matches("dogstatsd-udp"));
  EXPECT_FALSE(segment("dogstatsd-udp").matches("dogstatsd-udp2"));
  EXPECT_FALSE(segment("stsd-udp").matches("dogstatsd-udp"));
  EXPECT_TRUE(segment("").matches(""));
  EXPECT_FALSE(segment("").matches("a"));
}

TEST(Segment, DoesNotGroupAlternatives) {
  EXPECT_TRUE(segment("cat|dog").matches("catalog"));
  EXPECT_TRUE(segment("cat|dog").matches("dog"));
  EXPECT_FALSE(segment("cat|dog").matches("dogs"));
  EXPECT_FALSE(segment("cat|dog").matches("hotdog"));
  EXPECT_FALSE(segment("(cat|dog)").matches("catalog"));
}

TEST(Segment, EndsBeforeALastLineFeed) {
  EXPECT_TRUE(segment("a_b").matches("a_b\n"));
  EXPECT_FALSE(segment("a_b").matches("a_b\n\n"));
  EXPECT_TRUE(segment(".*").matches("x\n"));
  EXPECT_FALSE(segment(".*").matches("x\ny"));
}

TEST(Segment, KnowsClassesOfUnicode) {
  EXPECT_TRUE(segment(R"(\w+)").matches("größe_1"));
  EXPECT_TRUE(segment(R"([\w.]+)").matches("größe.x"));
  EXPECT_TRUE(segment(R"(\d)").matches("٣"));
  EXPECT_FALSE(segment(R"(\W+)").matches("ü"));
  EXPECT_TRUE(segment(R"(a\sb)").matches("a\u00a0b"));
  EXPECT_TRUE(segment(R"([]\d]+)").matches("]7"));
  EXPECT_TRUE(segment(".").matches("日"));
}

TEST(Segment, MatchesIndexesAsText) {
  EXPECT_TRUE(segment(R"(\d+)").matches("10"));
  EXPECT_TRUE(segment("[0-1]").matches("1"));
  EXPECT_FALSE(segment("01").matches("1"));
}

TEST(Segment, CapturesNamedGroups) {
  std::vector<std::pair<std::string, std::string>> tags;
  EXPECT_EQ(segment("(?P<method>[A-Z]+) (?P<route>.*)").capture("GET /users", tags), " ");
  EXPECT_EQ(segment("(?P<all>.*)").capture("x", tags), "");
  EXPECT_EQ(segment("(a)(?P<b>b)?").capture("a", tags), "a");
  EXPECT_THAT(tags, ElementsAre(Pair("method", "GET"), Pair("route", "/users"), Pair("all", "x")));
}

TEST(KeyPath, GivesBackItsKeys) {
  std::string bytes;
  EXPECT_THAT(KeyPath(bytes).keys(), IsEmpty());
  KeyPath::append(bytes, "shard:/var");
  KeyPath::append(bytes, "");
  KeyPath::append(bytes, "7");
  EXPECT_THAT(KeyPath(bytes).keys(), ElementsAre("shard:/var", "", "7"));
  EXPECT_EQ(KeyPath(bytes).dotted(), "shard:/var..7");
  EXPECT_EQ(KeyPath(bytes).text(), R"(shard:\/var//7)");
}

}  // namespace
}  // namespace heapwatch::expvar
