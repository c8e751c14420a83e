#include "pprof/units.h"

#include <gtest/gtest.h>

namespace heapwatch::pprof {
namespace {

TEST(Units, LabelsKeepTwoDecimalsUnlessBothAreZero) {
  EXPECT_EQ(scaled_label(4964987, "bytes", "kb"), "4848.62kB");
  EXPECT_EQ(scaled_label(524288, "bytes", "auto"), "512kB");
  EXPECT_EQ(scaled_label(1572864, "bytes", "minimum"), "1.50MB");
  EXPECT_EQ(scaled_label(512, "bytes", "kB"), "0.50kB");
  EXPECT_EQ(scaled_label(0, "bytes", "mb"), "0");
  EXPECT_EQ(scaled_label(-2048, "bytes", "auto"), "-2kB");
  EXPECT_EQ(scaled_label(1500000000, "nanoseconds", "auto"), "1.50s");
  EXPECT_EQ(scaled_label(7, "count", "minimum"), "7");
  EXPECT_EQ(scaled_label(7, "cycles", "cycles"), "7cycles");
  EXPECT_EQ(scaled_label(5000000000, "ns", "kb"), "5s");
}

TEST(Units, PercentagesTakeFiveColumns) {
  EXPECT_EQ(percentage(1, 1), "  100%");
  EXPECT_EQ(percentage(9996, 10000), "  100%");
  EXPECT_EQ(percentage(-1, 8), "12.50%");
  EXPECT_EQ(percentage(24, 100000), "0.024%");
  EXPECT_EQ(percentage(86, 100000000), "8.6e-05%");
  EXPECT_EQ(percentage(5, 0), "    0%");
}

}  // namespace
}  // namespace heapwatch::pprof
