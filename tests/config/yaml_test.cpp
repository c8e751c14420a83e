#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/value.h"
#include "diagnostics_text.h"

namespace heapwatch::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Parsed {
  Value value;
  Diagnostics diagnostics;
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  parsed.value = parse_yaml(text, "f.yaml", parsed.diagnostics);
  return parsed;
}

/// The tree in one line with all its places: `{a@1:1 = b@1:4}`.
std::string dump(const Value& value) {
  const std::string place = "@" + std::to_string(value.line) + ":" + std::to_string(value.column);
  std::string text;
  switch (value.kind) {
    case Value::Kind::null:
      return "null" + place;
    case Value::Kind::scalar:
      return (value.quoted ? '"' + value.text + '"' : value.text) + place;
    case Value::Kind::list:
      for (const Value& item : value.items) {
        text += (text.empty() ? "" : ", ") + dump(item);
      }
      return "[" + text + "]" + place;
    case Value::Kind::map:
      for (const Value::Member& member : value.members) {
        text += (text.empty() ? "" : ", ") + member.key + "@" + std::to_string(member.line) + ":" +
                std::to_string(member.column) + " = " + dump(member.value);
      }
      return "{" + text + "}" + place;
  }
  return text;
}

std::string dump(std::string_view text) {
  const Parsed parsed = parse(text);
  EXPECT_THAT(lines(parsed.diagnostics), IsEmpty()) << text;
  return dump(parsed.value);
}

std::string complaint(std::string_view text) {
  const Parsed parsed = parse(text);
  EXPECT_EQ(parsed.value.kind, Value::Kind::null) << text;
  const auto all = lines(parsed.diagnostics);
  return all.size() == 1 ? all.front() : std::to_string(all.size()) + " diagnostics";
}

TEST(Yaml, EveryKeyAndValueKnowsItsLineAndColumn) {
  EXPECT_EQ(dump("a: 1\nb:\n  - x\n  - c: 'y'\n    d:\n"),
            "{a@1:1 = 1@1:4, b@2:1 = [x@3:5, {c@4:5 = \"y\"@4:8, d@5:5 = null@5:5}@4:5]@3:3}@1:1");
  EXPECT_EQ(dump("{\"a\":[1,{b: 2}]}"), "{a@1:2 = [1@1:7, {b@1:10 = 2@1:13}@1:9]@1:6}@1:1");
}

TEST(Yaml, ColumnsCountCharacters) {
  EXPECT_EQ(dump("é日: ü\nb: {é: x, y: z}"),
            "{é日@1:1 = ü@1:5, b@2:1 = {é@2:5 = x@2:8, y@2:11 = z@2:14}@2:4}@1:1");
}

TEST(Yaml, WindowsLineEndsAndAByteOrderMarkDoNotCount) {
  EXPECT_EQ(dump("\xef\xbb\xbf"
                 "a: b\r\nc: d\r\n"),
            "{a@1:1 = b@1:4, c@2:1 = d@2:4}@1:1");
}

TEST(Yaml, QuotedAndBlockScalarsAreText) {
  EXPECT_EQ(dump("a: \"1\"\nb: '2'\nc: |\n  3\nd: !!str 4\ne: 5"),
            "{a@1:1 = \"1\"@1:4, b@2:1 = \"2\"@2:4, c@3:1 = \"3\n\"@3:4, d@5:1 = \"4\"@5:4, "
            "e@6:1 = 5@6:4}@1:1");
}

TEST(Yaml, NullHasFourSpellings) {
  EXPECT_EQ(dump("[~, null, Null, NULL, 'null', '']"),
            "[null@1:2, null@1:5, null@1:11, null@1:17, \"null\"@1:23, \"\"@1:31]@1:1");
}

TEST(Yaml, AnEmptyFileIsNull) {
  EXPECT_EQ(dump(""), "null@0:0");
  EXPECT_EQ(dump("# nothing\n"), "null@0:0");
}

TEST(Yaml, TheLastOfTwoEqualKeysWinsWithAWarning) {
  const Parsed parsed = parse("a: 1\nb: 2\na: 3\n");
  EXPECT_EQ(dump(parsed.value), "{a@3:1 = 3@3:4, b@2:1 = 2@2:4}@1:1");
  EXPECT_THAT(
      lines(parsed.diagnostics),
      ElementsAre("warning f.yaml:3:1: key \"a\" is there twice (first in line 1); the last "
                  "one wins"));
}

TEST(Yaml, AnAliasStandsForItsAnchorAndKeepsItsPlace) {
  EXPECT_EQ(dump("a: &x [1]\nb: *x\n"), "{a@1:1 = [1@1:8]@1:4, b@2:1 = [1@1:8]@1:4}@1:1");
}

TEST(Yaml, AMergeKeyAddsWhatTheMapDoesNotSay) {
  EXPECT_EQ(dump("base: &b {x: 1, y: 2}\nitem:\n  <<: *b\n  y: 3\n"),
            "{base@1:1 = {x@1:11 = 1@1:14, y@1:17 = 2@1:20}@1:7, "
            "item@2:1 = {y@4:3 = 3@4:6, x@1:11 = 1@1:14}@3:3}@1:1");
}

TEST(Yaml, TheFirstOfSeveralMergedMapsWins) {
  EXPECT_EQ(dump("<<: [{a: 1}, {a: 2, b: 3}]"), "{a@1:7 = 1@1:10, b@1:21 = 3@1:24}@1:1");
  EXPECT_EQ(dump("<<: {a: 1}\n<<: {a: 2, b: 3}"), "{a@1:6 = 1@1:9, b@2:12 = 3@2:15}@1:1");
}

TEST(Yaml, AQuotedMergeKeyIsAKeyLikeAnyOther) {
  EXPECT_EQ(dump("'<<': 1"), "{<<@1:1 = 1@1:7}@1:1");
}

TEST(Yaml, AMergeKeyTakesMapsOnly) {
  EXPECT_EQ(complaint("a:\n  <<: 1"),
            "error f.yaml:2:7: \"<<\" takes a map or a list of maps, not 1");
  EXPECT_EQ(complaint("<<: [[{a: 1}]]"), "error f.yaml:1:6: \"<<\" takes a map or a list of maps");
}

TEST(Yaml, AKeyIsAWord) {
  EXPECT_EQ(complaint("? [a]\n: b"), "error f.yaml:1:3: a key must be a word, not a list");
  EXPECT_EQ(dump("1: a\n~: b"), "{1@1:1 = a@1:4, null@2:1 = b@2:4}@1:1");
}

TEST(Yaml, ASecondDocumentIsNotReadAndSaidSo) {
  const Parsed parsed = parse("a: 1\n---\nb: 2\n");
  EXPECT_EQ(dump(parsed.value), "{a@1:1 = 1@1:4}@1:1");
  EXPECT_THAT(lines(parsed.diagnostics),
              ElementsAre("warning f.yaml:2:1: only the first document of a file is read; what "
                          "follows \"---\" is not"));
}

TEST(Yaml, ErrorsAreASentenceWithAPlace) {
  EXPECT_EQ(complaint("a: %%env_X%%"),
            "error f.yaml:1:4: a value cannot begin with \"%\"; put it in quotes");
  EXPECT_EQ(complaint("a: @x"),
            "error f.yaml:1:4: a value cannot begin with \"@\"; put it in quotes");
  EXPECT_EQ(complaint("a:\n\tb: c\n"), "error f.yaml:2:3: a tab cannot indent a line; use spaces");
  EXPECT_EQ(complaint("a: b: c"),
            "error f.yaml:1:5: a \":\" cannot stand here; text that contains one needs quotes, and "
            "the line above must be complete");
  EXPECT_EQ(complaint("a:\n  - b\n c: d"),
            "error f.yaml:3:2: this does not go on with the map above; check the indentation, and "
            "quotes that end early");
  EXPECT_EQ(complaint("a: 1\nb: [1, {c: d"), "error f.yaml:2:8: the \"{\" here is not closed");
  EXPECT_EQ(complaint("a: [1, 2\nb: c\n"), "error f.yaml:1:4: the \"[\" here is not closed");
  EXPECT_EQ(complaint("a: \"x"),
            "error f.yaml:1:6: the text ends within quotes that are not closed");
  EXPECT_EQ(complaint("a: *x"),
            "error f.yaml:1:4: an alias of an anchor that is not defined above");
  EXPECT_EQ(complaint("a: &x [*x]"),
            "error f.yaml:1:8: an alias cannot stand inside its own anchor");
  EXPECT_EQ(complaint("p: \"\\d+\""),
            "error f.yaml:1:7: \"\\d\" is no escape within double quotes; use single quotes, or "
            "write the backslash twice");
  EXPECT_EQ(complaint("  a: b\nc: d"),
            "error f.yaml:2:1: this does not go on with what is above; check the indentation");
  EXPECT_EQ(complaint("- a\nb: c"),
            "error f.yaml:2:1: this does not go on with what is above; check the indentation");
}

TEST(Yaml, OnlyUtf8IsRead) {
  EXPECT_EQ(complaint("a: b\nc: \xe9"),
            "error f.yaml:2:4: byte 0xe9 is not allowed; the file must be UTF-8 text");
  EXPECT_EQ(complaint(std::string_view("\xff\xfe"
                                       "a\0",
                                       4)),
            "error f.yaml:1:1: byte 0xff is not allowed; the file must be UTF-8 text");
  EXPECT_EQ(complaint(std::string_view("a: \0", 4)),
            "error f.yaml:1:4: byte 0x00 is not allowed; the file must be UTF-8 text");
  EXPECT_EQ(complaint("a: \xc0\x80"),
            "error f.yaml:1:4: byte 0xc0 is not allowed; the file must be UTF-8 text");
  EXPECT_EQ(complaint("a: \xed\xa0\x80"),
            "error f.yaml:1:4: byte 0xed is not allowed; the file must be UTF-8 text");
  EXPECT_EQ(complaint("a: \xf0\x9f\x98"),
            "error f.yaml:1:4: byte 0xf0 is not allowed; the file must be UTF-8 text");
}

TEST(Yaml, DepthIsLimited) {
  EXPECT_EQ(parse(std::string(100, '[') + std::string(100, ']')).value.kind, Value::Kind::list);
  EXPECT_EQ(complaint(std::string(101, '[') + std::string(101, ']')),
            "error f.yaml:1:101: nested deeper than the limit of 100 lists and maps");
}

TEST(Yaml, AliasesCountForTheDepth) {
  const std::string deep = std::string(99, '[') + std::string(99, ']');
  EXPECT_EQ(parse("- &a " + deep + "\n- *a\n").value.items.size(), 2U);
  EXPECT_EQ(complaint("- &a " + deep + "\n- [*a]\n"),
            "error f.yaml:2:4: nested deeper than the limit of 100 lists and maps");
}

TEST(Yaml, ABillionLaughsAreStoppedEarly) {
  std::string text = "a0: &a0 [lol]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias + "," + alias +
            "," + alias + "," + alias + "]\n";
  }
  EXPECT_EQ(complaint(text),
            "error f.yaml:10:22: more than the limit of 1000000 values, those of aliases included");
}

TEST(Yaml, AliasesOfLongTextAreStoppedEarly) {
  std::string text = "a: &a " + std::string(std::size_t{1024} * 1024, 'x') + "\nb:\n";
  for (int i = 0; i < 100; ++i) {
    text += "- *a\n";
  }
  EXPECT_EQ(complaint(text),
            "error f.yaml:64:3: more than the limit of 67108864 bytes of text, that of aliases "
            "included");
}

TEST(Yaml, LargeFilesAreRefused) {
  EXPECT_EQ(complaint(std::string(yaml_bytes_max + 1, '#')),
            "error f.yaml: larger than the limit of 16777216 bytes");
}

}  // namespace
}  // namespace heapwatch::config
