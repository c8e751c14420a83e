#include "exporters/dogstatsd/text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

namespace heapwatch::exporters::dogstatsd {
namespace {

std::string value(double number) {
  std::string out;
  append_value(out, base::Number::of(number));
  return out;
}

std::string clean(std::string_view text, std::string_view forbidden) {
  std::string out;
  append_clean(out, text, forbidden);
  return out;
}

TEST(AppendValue, KeepsIntegersExact) {
  std::string out;
  append_value(out, base::Number::of(std::numeric_limits<std::uint64_t>::max()));
  out += ' ';
  append_value(out, base::Number::of(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(out, "18446744073709551615 -9223372036854775808");
}

TEST(AppendValue, WritesDoublesInPlainDigitsUpToASaneLength) {
  EXPECT_EQ(value(0.1), "0.1");
  EXPECT_EQ(value(100000), "100000");
  EXPECT_EQ(value(-2.5), "-2.5");
  EXPECT_EQ(value(1e-7), "0.0000001");
  EXPECT_EQ(value(123456789012345680000.0), "123456789012345683968");
  EXPECT_EQ(value(0.1 + 0.2), "0.30000000000000004");
}

TEST(AppendValue, WritesAnExponentBeyond) {
  EXPECT_EQ(value(1e21), "1e+21");
  EXPECT_EQ(value(-1.7976931348623157e308), "-1.7976931348623157e+308");
  EXPECT_EQ(value(5e-324), "5e-324");
  EXPECT_EQ(value(9.5e-8), "9.5e-08");
}

TEST(AppendValue, ZeroHasNoSign) {
  EXPECT_EQ(value(-0.0), "0");
}

TEST(AppendClean, ReplacesWhatIsForbiddenOrNoText) {
  EXPECT_EQ(clean("a|b,c\nd\re\tf", "|,"), "a_b_c_d_e_f");
  EXPECT_EQ(clean("a|b,c", ""), "a|b,c");
  EXPECT_EQ(clean(std::string_view("a\0b\x7f", 4), ""), "a_b_");
}

TEST(AppendClean, KeepsCharactersAndReplacesOtherBytes) {
  EXPECT_EQ(clean("é€😀", ""), "é€😀");
  EXPECT_EQ(clean("a\xff\xc3", ""), "a__");          // no lead byte; a lead byte alone
  EXPECT_EQ(clean("\xc0\xaf", ""), "__");            // overlong
  EXPECT_EQ(clean("\xed\xa0\x80", ""), "___");       // surrogate
  EXPECT_EQ(clean("\xf4\x90\x80\x80", ""), "____");  // past U+10FFFF
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
