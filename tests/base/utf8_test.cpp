#include "base/utf8.h"

#include <gtest/gtest.h>

namespace heapwatch::base {
namespace {

TEST(Utf8, EveryCodePointReadsBackAsWritten) {
  for (std::uint32_t code = 0; code <= 0x10ffff; ++code) {
    std::string text;
    append_character(text, code);
    const Character read = first_character(text);
    if (code >= 0xd800 && code <= 0xdfff) {
      ASSERT_EQ(read.bytes, 0U) << code;
    } else {
      ASSERT_EQ(read.bytes, text.size()) << code;
      ASSERT_EQ(read.code, code);
    }
  }
}

TEST(Utf8, WhatIsNoCharacterHasNoBytes) {
  for (const char* wrong :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(character_bytes(wrong), 0U) << wrong;
  }
  EXPECT_EQ(character_bytes(""), 0U);
}

TEST(Utf8, WhatIsPastTheLastCodePointBecomesAReplacement) {
  std::string text;
  append_character(text, 0x110000);
  EXPECT_EQ(text, replacement_character);
}

TEST(Utf8, InvalidBytesAreReplacedOneByOne) {
  EXPECT_EQ(valid_utf8("a\xff\xc3\xbc\xc3"), "a\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd");
  EXPECT_EQ(valid_utf8("a\xff\xc3\xbc\xc3", "_"), "a_\xc3\xbc_");
}

TEST(Utf8, ACutPartsNoCharacter) {
  EXPECT_EQ(whole_characters("a\xc3\xbc", 3), "a\xc3\xbc");
  EXPECT_EQ(whole_characters("a\xc3\xbc", 2), "a");
  EXPECT_EQ(whole_characters("\xc3\xbc", 1), "");
}

}  // namespace
}  // namespace heapwatch::base
