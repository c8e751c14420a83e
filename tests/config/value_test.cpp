#include "config/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heapwatch::config {
namespace {

Value scalar(std::string text, bool quoted = false) {
  Value value;
  value.kind = Value::Kind::scalar;
  value.text = std::move(text);
  value.quoted = quoted;
  return value;
}

std::string number(std::string text) {
  const auto read = read_number(scalar(std::move(text)));
  return read ? base::to_text(*read) : "no number";
}

TEST(Value, NumbersAreReadAsYaml11WritesThem) {
  EXPECT_EQ(number("12"), "12");
  EXPECT_EQ(number("-12.5"), "-12.5");
  EXPECT_EQ(number("+3"), "3");
  EXPECT_EQ(number("1_000"), "1000");
  EXPECT_EQ(number("0x1F"), "31");
  EXPECT_EQ(number("-0x10"), "-16");
  EXPECT_EQ(number("0b101"), "5");
  EXPECT_EQ(number("0o17"), "15");
  EXPECT_EQ(number("010"), "8");
  EXPECT_EQ(number("0"), "0");
  EXPECT_EQ(number("0.5"), "0.5");
  EXPECT_EQ(number("1e3"), "1000");
  EXPECT_EQ(number("18446744073709551615"), "18446744073709551615");
}

TEST(Value, OtherTextIsNoNumber) {
  for (const char* text : {"", "-", "+", "_1", "-_1", "--1", "+-1", "-+1", "0x", "0xg", "08", "1 2",
                           "15s", ".inf", "nan", "_", "0x10000000000000000", "ten"}) {
    EXPECT_EQ(number(text), "no number") << text;
  }
}

TEST(Value, BooleansAreReadInAllTheirWords) {
  for (const char* word : {"true", "True", "YES", "on", "y", "T", "1"}) {
    EXPECT_EQ(read_boolean(scalar(word)), true) << word;
    EXPECT_EQ(read_boolean(scalar(word, true)), true) << word;
  }
  for (const char* word : {"false", "No", "OFF", "n", "f", "0"}) {
    EXPECT_EQ(read_boolean(scalar(word)), false) << word;
  }
  for (const char* word : {"", "ture", "2", "nope"}) {
    EXPECT_EQ(read_boolean(scalar(word)), std::nullopt) << word;
  }
}

TEST(Value, QuotesMakeText) {
  EXPECT_FALSE(is_text(scalar("1")));
  EXPECT_TRUE(is_text(scalar("1", true)));
  EXPECT_FALSE(is_text(scalar("no")));
  EXPECT_TRUE(is_text(scalar("no", true)));
  EXPECT_TRUE(is_text(scalar("y")));
  EXPECT_TRUE(is_text(scalar("word")));
  EXPECT_FALSE(is_text(Value{}));
}

TEST(Value, ErrorsShowWhatWasWritten) {
  EXPECT_EQ(shown(scalar("ten")), "\"ten\"");
  EXPECT_EQ(shown(scalar("1")), "1");
  EXPECT_EQ(shown(scalar("1", true)), "\"1\"");
  EXPECT_EQ(shown(scalar("a\"b\n\x01", true)), R"("a\"b\n\x01")");
  EXPECT_EQ(shown(Value{}), "nothing");
  EXPECT_EQ(shown(scalar(std::string(79, 'x') + "é")), '"' + std::string(79, 'x') + "...\"");
  Value secret = scalar("hunter2");
  secret.secret_handle = "password";
  EXPECT_EQ(shown(secret), "a secret");
}

TEST(Value, DiagnosticsShowThePlacesTheyHave) {
  EXPECT_EQ(to_text({Diagnostic::Severity::error, "a.yaml", 3, 5, "bad"}), "a.yaml:3:5: bad");
  EXPECT_EQ(to_text({Diagnostic::Severity::error, "a.yaml", 0, 0, "bad"}), "a.yaml: bad");
  EXPECT_EQ(to_text({Diagnostic::Severity::error, "", 0, 0, "bad"}), "bad");
}

TEST(Value, OnlyErrorsAreErrors) {
  Diagnostics diagnostics;
  diagnostics.warning("a.yaml", 1, 1, "odd");
  EXPECT_FALSE(diagnostics.has_errors());
  Diagnostics others;
  others.error("b.yaml", 1, 1, "bad");
  diagnostics.append(others);
  EXPECT_TRUE(diagnostics.has_errors());
  EXPECT_EQ(diagnostics.all().size(), 2U);
}

/// Equal but for the places.
bool same(const Value& a, const Value& b) {
  return a.kind == b.kind && a.quoted == b.quoted && a.text == b.text &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same) &&
         std::equal(
             a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
             [](const auto& x, const auto& y) { return x.key == y.key && same(x.value, y.value); });
}

TEST(Value, YamlIsBlockStyleInTheOrderOfTheFile) {
  Diagnostics diagnostics;
  const Value value = parse_yaml(
      "b: {x: 1, l: [a, [b, c], {d: e, f: g}], e: [], m: {}, n: }\na: 'q'\nu: http://h:5000/x?y=z\n"
      "'k:': \"a\\nb\"\ns: two words\n",
      "f", diagnostics);
  EXPECT_EQ(to_yaml(value),
            "b:\n  x: 1\n  l:\n    - a\n    - - b\n      - c\n    - d: e\n      f: g\n  e: []\n"
            "  m: {}\n  n: null\na: \"q\"\nu: \"http://h:5000/x?y=z\"\n\"k:\": \"a\\nb\"\n"
            "s: two words\n");
}

TEST(Value, YamlParsesToTheSameValue) {
  for (const char* text :
       {"a: 1", "- - - a\n  - b\n- c: {d: [e]}", "a: 'x: y # z'", "a: '- b'", "a: ''", "~",
        "'': {a: [{}, [], ~]}", "[-1, +1, .5, '-', '--- a', '1', 'null']", "'<<': 1", "'a b': c",
        "'null': '~'", "\"\\x01\\x7f\\t\": \"\\u00e9\"", "[[[]], [{}], [{a: }]]", "é: ü"}) {
    Diagnostics diagnostics;
    const Value value = parse_yaml(text, "f", diagnostics);
    const std::string yaml = to_yaml(value);
    Value again = parse_yaml(yaml, "g", diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << yaml;
    EXPECT_EQ(to_yaml(again), yaml);
    EXPECT_TRUE(same(value, again)) << text << "\n" << yaml;
  }
}

TEST(Value, YamlShowsASecretAsItsHandle) {
  Diagnostics diagnostics;
  Value value = parse_yaml("password: hunter2", "f", diagnostics);
  value.members[0].value.secret_handle = "db/pass";
  EXPECT_EQ(to_yaml(value), "password: \"ENC[db/pass]\"\n");
}

}  // namespace
}  // namespace heapwatch::config
