#include "base/beginning.h"

#include <gtest/gtest.h>

namespace heapwatch::base {
namespace {

TEST(Beginning, ShortTextsAreWhole) {
  EXPECT_EQ(beginning("memstats/HeapAlloc"), "memstats/HeapAlloc");
  EXPECT_EQ(beginning(std::string(200, 'x')), std::string(200, 'x'));
}

TEST(Beginning, LongTextsEndWithHowLongTheyAre) {
  EXPECT_EQ(beginning(std::string(40'000, 'x'), 5), "xxxxx... (40000 bytes)");
}

TEST(Beginning, NoCharacterOfUtf8IsParted) {
  EXPECT_EQ(beginning("aé€😀z", 1), "a... (11 bytes)");
  EXPECT_EQ(beginning("aé€😀z", 2), "a... (11 bytes)");
  EXPECT_EQ(beginning("aé€😀z", 3), "aé... (11 bytes)");
  EXPECT_EQ(beginning("aé€😀z", 5), "aé... (11 bytes)");
  EXPECT_EQ(beginning("aé€😀z", 9), "aé€... (11 bytes)");
  EXPECT_EQ(beginning("aé€😀z", 10), "aé€😀... (11 bytes)");
}

TEST(Beginning, WhatIsNoUtf8IsCutWhereItMustBe) {
  EXPECT_EQ(cut_at(std::string(100, '\x80'), 50), 50U);
}

}  // namespace
}  // namespace heapwatch::base
