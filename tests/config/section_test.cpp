#include "config/section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "diagnostics_text.h"

namespace heapwatch::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::Pair;

/// A section over a text, and what it said.
class SectionTest : public testing::Test {
 protected:
  Section read(std::string_view text, std::string path = {}) {
    value_ = parse_yaml(text, "f.yaml", diagnostics_);
    return {value_, "f.yaml", diagnostics_, std::move(path)};
  }
  [[nodiscard]] std::vector<std::string> said() const { return lines(diagnostics_); }

 private:
  Value value_;
  Diagnostics diagnostics_;
};

TEST_F(SectionTest, ReadsEveryType) {
  Section section = read(
      "t: word\nb: yes\nn: 0.5\ni: 0x10\nl: [a, '1']\nm: {X-A: 1, X-B: yes}\ns: {k: v}\nss: [{k: "
      "v}]");
  EXPECT_THAT(section.text("t"), Optional(std::string("word")));
  EXPECT_THAT(section.boolean("b"), Optional(true));
  EXPECT_THAT(section.number("n", {}), Optional(0.5));
  EXPECT_THAT(section.integer("i", 0, 16), Optional(16));
  EXPECT_THAT(section.texts("l"), Optional(ElementsAre("a", "1")));
  EXPECT_THAT(section.text_map("m"), Optional(ElementsAre(Pair("X-A", "1"), Pair("X-B", "yes"))));
  EXPECT_THAT(section.section("s")->text("k"), Optional(std::string("v")));
  auto sections = section.sections("ss");
  ASSERT_EQ(sections->size(), 1U);
  EXPECT_THAT(sections->front().text("k"), Optional(std::string("v")));
  section.finish();
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SectionTest, AbsentAndNullKeysAreNothing) {
  Section section = read("b:\nc: ~");
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_EQ(section.text(key), std::nullopt);
    EXPECT_EQ(section.boolean(key), std::nullopt);
    EXPECT_EQ(section.number(key, {}), std::nullopt);
    EXPECT_EQ(section.integer(key, 0, 1), std::nullopt);
    EXPECT_EQ(section.text_map(key), std::nullopt);
    EXPECT_FALSE(section.section(key).has_value());
  }
  EXPECT_EQ(section.texts("a"), std::nullopt);
  EXPECT_FALSE(section.sections("a").has_value());
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SectionTest, ANullListIsEmpty) {
  Section section = read("tags:\nmetrics: ~");
  EXPECT_THAT(section.texts("tags"), Optional(IsEmpty()));
  EXPECT_THAT(section.sections("metrics"), Optional(IsEmpty()));
}

TEST_F(SectionTest, ANullSectionIsEmpty) {
  Section section = read("");
  EXPECT_EQ(section.text("a"), std::nullopt);
  section.finish();
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SectionTest, NumbersMayBeInQuotes) {
  Section section = read("n: '2.5'\ni: \"7\"");
  EXPECT_THAT(section.number("n", {0, 3}), Optional(2.5));
  EXPECT_THAT(section.integer("i", 0, 9), Optional(7));
}

TEST_F(SectionTest, ErrorsNameTheKeyTheRangeAndWhatIsThere) {
  Section section = read(
      "timeout: ten\nsmall: 0\nless: 5\nport: 65536\ncount: 1.5\nat_least: -1\nflag: maybe\n"
      "free: x\nany: x");
  EXPECT_EQ(section.number("timeout", {0.001, 86400}), std::nullopt);
  EXPECT_EQ(section.number("small", {.min = 1}), std::nullopt);
  EXPECT_EQ(section.number("less", {.max = 4}), std::nullopt);
  EXPECT_EQ(section.integer("port", 0, 65535), std::nullopt);
  EXPECT_EQ(section.integer("count", 0, 2), std::nullopt);
  EXPECT_EQ(section.integer("at_least", 0, INT64_MAX), std::nullopt);
  EXPECT_EQ(section.boolean("flag"), std::nullopt);
  EXPECT_EQ(section.number("free", {}), std::nullopt);
  EXPECT_EQ(section.integer("any", INT64_MIN, INT64_MAX), std::nullopt);
  EXPECT_THAT(
      said(),
      ElementsAre("error f.yaml:1:10: timeout must be a number from 0.001 to 86400, not "
                  "\"ten\"",
                  "error f.yaml:2:8: small must be a number of at least 1, not 0",
                  "error f.yaml:3:7: less must be a number of at most 4, not 5",
                  "error f.yaml:4:7: port must be a whole number from 0 to 65535, not 65536",
                  "error f.yaml:5:8: count must be a whole number from 0 to 2, not 1.5",
                  "error f.yaml:6:11: at_least must be a whole number of at least 0, not -1",
                  "error f.yaml:7:7: flag must be true or false, not \"maybe\"",
                  "error f.yaml:8:7: free must be a number, not \"x\"",
                  "error f.yaml:9:6: any must be a whole number, not \"x\""));
}

TEST_F(SectionTest, TextIsNotANumberWithoutQuotes) {
  Section section =
      read("tags: [1, a, no, [b], ~]\nname: 5\nmap: []\nother: [x]", "instances -> 2");
  EXPECT_EQ(section.texts("tags"), std::nullopt);
  EXPECT_EQ(section.text("name"), std::nullopt);
  EXPECT_EQ(section.text("map"), std::nullopt);
  EXPECT_EQ(section.text_map("other"), std::nullopt);
  EXPECT_THAT(
      said(),
      ElementsAre(
          "error f.yaml:1:8: instances -> 2 -> tags -> 1 must be a string, not 1 (put it in "
          "quotes)",
          "error f.yaml:1:14: instances -> 2 -> tags -> 3 must be a string, not no (put it in "
          "quotes)",
          "error f.yaml:1:18: instances -> 2 -> tags -> 4 must be a string, not a list",
          "error f.yaml:1:23: instances -> 2 -> tags -> 5 must be a string, not nothing",
          "error f.yaml:2:7: instances -> 2 -> name must be a string, not 5 (put it in quotes)",
          "error f.yaml:3:6: instances -> 2 -> map must be a string, not a list",
          "error f.yaml:4:8: instances -> 2 -> other must be a map of names to values, not a "
          "list"));
}

TEST_F(SectionTest, ListsAndMapsAreWhatTheyShouldBe) {
  Section section = read("tags: a:b\nmetrics: {path: x}\nmore: [x]\nproxy: x\nheaders: {a: [b]}");
  EXPECT_EQ(section.texts("tags"), std::nullopt);
  EXPECT_FALSE(section.sections("metrics").has_value());
  EXPECT_THAT(section.sections("more"), Optional(IsEmpty()));
  EXPECT_FALSE(section.section("proxy").has_value());
  EXPECT_EQ(section.text_map("headers"), std::nullopt);
  EXPECT_THAT(said(),
              ElementsAre("error f.yaml:1:7: tags must be a list of strings, not \"a:b\"",
                          "error f.yaml:2:10: metrics must be a list of maps, not a map",
                          "error f.yaml:3:8: more -> 1 must be a map of keys and values, not \"x\"",
                          "error f.yaml:4:8: proxy must be a map of keys and values, not \"x\"",
                          "error f.yaml:5:14: headers -> a must be a string, not a list"));
}

TEST_F(SectionTest, AFileThatIsNoMapIsAnError) {
  Section section = read("- a");
  EXPECT_EQ(section.text("a"), std::nullopt);
  EXPECT_THAT(
      said(),
      ElementsAre("error f.yaml:1:1: the file must be a map of keys and values, not a list"));
}

TEST_F(SectionTest, PasswordsAreNotShown) {
  Section section = read("password: 12345");
  EXPECT_EQ(section.text("password"), std::nullopt);
  EXPECT_THAT(said(), ElementsAre("error f.yaml:1:11: password must be a string, not a number or a "
                                  "boolean (put it in quotes)"));
}

constexpr std::array<std::pair<std::string_view, int>, 3> types{
    {{"gauge", 1}, {"rate", 2}, {"count", 3}}};

TEST_F(SectionTest, WordsAreChosenFromAList) {
  Section section = read("type: rate\nnone:");
  EXPECT_THAT(section.one_of<int>("type", types), Optional(2));
  EXPECT_EQ(section.one_of<int>("none", types), std::nullopt);
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(SectionTest, AnUnknownWordGetsTheListAndTheNearest) {
  Section section = read("type: guage\nother: Xyz\nlist: [a]", "metrics -> 3");
  EXPECT_EQ(section.one_of<int>("type", types, "metric type"), std::nullopt);
  EXPECT_EQ(section.one_of<int>("other", types), std::nullopt);
  EXPECT_EQ(section.one_of<int>("list", types), std::nullopt);
  EXPECT_THAT(
      said(),
      ElementsAre("error f.yaml:1:7: unknown metric type \"guage\"; did you mean \"gauge\"? "
                  "one of gauge, rate, count",
                  "error f.yaml:2:8: unknown metrics -> 3 -> other \"Xyz\"; one of gauge, "
                  "rate, count",
                  "error f.yaml:3:7: unknown metrics -> 3 -> list a list; one of gauge, "
                  "rate, count"));
}

TEST_F(SectionTest, UnknownKeysAreWarningsWithTheNearestKnown) {
  Section section = read("namspace: a\nzzz: b\nlegacy: d");
  (void)section.text("namespace");
  section.ignore(std::array<std::string_view, 1>{"legacy"});
  section.finish();
  EXPECT_THAT(said(), ElementsAre("warning f.yaml:1:1: unknown key \"namspace\"; did you mean "
                                  "\"namespace\"?",
                                  "warning f.yaml:2:1: unknown key \"zzz\""));
}

TEST_F(SectionTest, AColonWithoutASpaceIsNoticed) {
  Section section = read("{a: b, timeout:10}");
  (void)section.text("a");
  section.finish();
  EXPECT_THAT(said(), ElementsAre("warning f.yaml:1:8: unknown key \"timeout:10\"; a space is "
                                  "missing after the colon"));
}

TEST_F(SectionTest, TheCallersErrorsStandAtTheKeyOrTheMap) {
  Section section = read("a:\n  b: c");
  Section nested = *section.section("a");
  nested.error("b", "odd");
  nested.warning("missing", "there is no path");
  EXPECT_THAT(said(), ElementsAre("error f.yaml:2:6: odd", "warning f.yaml:2:3: there is no path"));
}

}  // namespace
}  // namespace heapwatch::config
