#include "base/number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace heapwatch::base {
namespace {

constexpr auto uint64_max = std::numeric_limits<std::uint64_t>::max();
constexpr auto int64_min = std::numeric_limits<std::int64_t>::min();

TEST(Number, TextOfIntegersIsExact) {
  EXPECT_EQ(to_text(Number::of(uint64_max)), "18446744073709551615");
  EXPECT_EQ(to_text(Number::of(int64_min)), "-9223372036854775808");
  EXPECT_EQ(to_text(Number::of((std::uint64_t{1} << 53U) + 1)), "9007199254740993");
}

TEST(Number, TextOfDoublesIsTheShortestThatReadsBack) {
  EXPECT_EQ(to_text(Number::of(0.1)), "0.1");
  EXPECT_EQ(to_text(Number::of(0.1 + 0.2)), "0.30000000000000004");
  EXPECT_EQ(to_text(Number::of(1e22)), "1e+22");
  EXPECT_EQ(to_text(Number::of(std::nan(""))), "nan");
  EXPECT_EQ(to_text(Number::of(-std::numeric_limits<double>::infinity())), "-inf");
}

TEST(Number, DifferenceOfIntegersIsExactAcrossTheSignedBorder) {
  EXPECT_EQ(to_text(Number::of(uint64_max) - Number::of(uint64_max - 1)), "1");
  EXPECT_EQ(to_text(Number::of(3U) - Number::of(5U)), "-2");
  EXPECT_EQ(to_text(Number::of(-1) - Number::of(int64_min)), "9223372036854775807");
}

TEST(Number, ArithmeticThatLeavesTheIntegersBecomesADouble) {
  const Number sum = Number::of(uint64_max) + Number::of(1);
  EXPECT_FALSE(sum.is_integer());
  EXPECT_EQ(sum.to_double(), 18446744073709551616.0);
}

TEST(Number, NegativeAndPositiveIntegersCompareByValue) {
  EXPECT_LT(Number::of(-1), Number::of(uint64_max));
  EXPECT_EQ(Number::of(5), Number::of(std::uint64_t{5}));
  EXPECT_FALSE(Number::of(-1) == Number::of(uint64_max));
}

TEST(ParseNumber, KeepsIntegersThatFitAndTurnsTheRestIntoDoubles) {
  EXPECT_EQ(parse_number("18446744073709551615")->to_uint64(), uint64_max);
  EXPECT_EQ(parse_number("-9223372036854775808")->to_int64(), int64_min);
  EXPECT_EQ(parse_number("18446744073709551616")->to_double(), 18446744073709551616.0);
  EXPECT_EQ(parse_number("1e3")->to_double(), 1000.0);
}

TEST(ParseNumber, RefusesWhatIsNotADecimalNumber) {
  for (const char* text : {"", " 1", "1 ", "+1", "0x10", "nan", "inf", "1_000", "1.5x", "--1"}) {
    EXPECT_FALSE(parse_number(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace heapwatch::base
