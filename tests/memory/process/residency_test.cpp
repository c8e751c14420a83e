#include "memory/process/residency.h"

#include <gtest/gtest.h>

namespace heapwatch::memory::process {
namespace {

Residency three_runs() {
  return Residency({{0x1000, 0x3000}, {0x5000, 0x6000, true}, {0x8000, 0xa000}},
                   {{0x3000, 0x4000}});
}

TEST(Residency, CountsBytesOfRangesThatCutRuns) {
  const Residency residency = three_runs();
  EXPECT_EQ(residency.total(), 0x5000U);
  EXPECT_EQ(residency.bytes(0, 0x100000), 0x5000U);
  EXPECT_EQ(residency.bytes(0x1800, 0x5800), 0x1800U + 0x800U);
  EXPECT_EQ(residency.bytes(0x1800, 0x1900), 0x100U);
  EXPECT_EQ(residency.bytes(0x2800, 0x9000), 0x800U + 0x1000U + 0x1000U);
  EXPECT_EQ(residency.bytes(0x3000, 0x5000), 0U);
  EXPECT_EQ(residency.bytes(0xa000, 0xb000), 0U);
}

TEST(Residency, TellsResidentFromSwappedPages) {
  const Residency residency = three_runs();
  EXPECT_TRUE(residency.is_resident(0x2fff));
  EXPECT_FALSE(residency.is_resident(0x3000));
  EXPECT_TRUE(residency.is_swapped(0x3abc));
  EXPECT_FALSE(residency.is_swapped(0x4000));
}

TEST(Residency, AscendingRangesCountAsSearchedOnes) {
  const Residency residency = three_runs();
  AscendingResidency ascending(residency);
  for (std::uint64_t at = 0; at < 0xb000; at += 0x701) {
    EXPECT_EQ(ascending.bytes(at, at + 0x1801), residency.bytes(at, at + 0x1801)) << at;
  }
}

}  // namespace
}  // namespace heapwatch::memory::process
