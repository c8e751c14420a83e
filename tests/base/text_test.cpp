#include "base/text.h"

#include <gtest/gtest.h>

namespace heapwatch::base {
namespace {

TEST(Text, IsTrimmedOnBothSides) {
  EXPECT_EQ(trimmed(" \t\r\n\v\fa b\n"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(Text, ComparesLettersOfAsciiAlone) {
  EXPECT_TRUE(same_ignoring_case("Content-Type", "content-tYPE"));
  EXPECT_FALSE(same_ignoring_case("a", "ab"));
  EXPECT_FALSE(same_ignoring_case("\xc4", "\xe4"));
  EXPECT_EQ(ascii_lower("AbZ@[\xc4"), "abz@[\xc4");
}

TEST(Text, HexadecimalDigitsReadBack) {
  std::string out;
  append_hex(out, 0x1f, 4);
  append_hex(out, 0xabcd, 2, hex_upper);
  EXPECT_EQ(out, "001fCD");
  EXPECT_EQ(hex_value('9'), 9);
  EXPECT_EQ(hex_value('a'), 10);
  EXPECT_EQ(hex_value('F'), 15);
  EXPECT_EQ(hex_value('g'), -1);
}

TEST(Text, IsEncodedWhereItIsNotPlain) {
  EXPECT_EQ(percent_encoded("a b\xff", [](char c) { return c == 'a' || c == 'b'; }), "a%20b%FF");
}

}  // namespace
}  // namespace heapwatch::base
