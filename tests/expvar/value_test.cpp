#include "expvar/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace heapwatch::expvar {
namespace {

std::string shown(std::string_view text) {
  const auto number = read_numeric_text(text);
  return number ? base::to_text(*number) : "no number";
}

TEST(ReadNumericText, TakesWhatFloatTakes) {
  EXPECT_EQ(shown("12.5"), "12.5");
  EXPECT_EQ(shown(" 7 "), "7");
  EXPECT_EQ(shown("\t7\n"), "7");
  EXPECT_EQ(shown("1e3"), "1000");
  EXPECT_EQ(shown("1_000"), "1000");
  EXPECT_EQ(shown("1_0.2_5e1_0"), "1.025e+11");
  EXPECT_EQ(shown("+5"), "5");
  EXPECT_EQ(shown("-.5"), "-0.5");
  EXPECT_EQ(shown("5."), "5");
  EXPECT_EQ(shown("007"), "7");
  EXPECT_EQ(shown("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(shown("nan"), "nan");
  EXPECT_EQ(shown("-Infinity"), "-inf");
  EXPECT_EQ(shown("+INF"), "inf");
  EXPECT_EQ(shown("1e400"), "inf");
}

TEST(ReadNumericText, RefusesTheRest) {
  for (const std::string_view text : {"abc", "", " ", "0x10", "1__0", "_1", "1_", "1_.5", "1e",
                                      "e5", ".", "+", "--1", "1 2", "infi", "1e_5", "12,5"}) {
    EXPECT_EQ(shown(text), "no number") << text;
  }
  EXPECT_EQ(shown(std::string(100'000, '1')), "no number");
}

TEST(ReadJsonNumber, KeepsIntegersExact) {
  EXPECT_EQ(base::to_text(read_json_number("9007199254740993")), "9007199254740993");
  EXPECT_EQ(base::to_text(read_json_number("18446744073709551615")), "18446744073709551615");
  EXPECT_EQ(base::to_text(read_json_number("-9223372036854775808")), "-9223372036854775808");
  EXPECT_EQ(read_json_number("18446744073709551616").to_double(), 18446744073709551616.0);
}

TEST(ReadJsonNumber, GoesToInfinityOrZeroBeyondTheRangeOfDoubles) {
  EXPECT_EQ(read_json_number("1e400").to_double(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(read_json_number("-1e400").to_double(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(read_json_number("1e99999999999999999999").to_double(),
            std::numeric_limits<double>::infinity());
  EXPECT_EQ(read_json_number("1e-400").to_double(), 0.0);
  EXPECT_EQ(read_json_number("1e-99999999999999999999").to_double(), 0.0);
  EXPECT_EQ(read_json_number("0." + std::string(400, '0') + "1").to_double(), 0.0);
  EXPECT_EQ(read_json_number(std::string(400, '9')).to_double(),
            std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(read_json_number("NaN").to_double()));
}

}  // namespace
}  // namespace heapwatch::expvar
