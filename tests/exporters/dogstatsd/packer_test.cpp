#include "exporters/dogstatsd/packer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace heapwatch::exporters::dogstatsd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PackerTest : public testing::Test {
 protected:
  std::vector<std::string> packets_;
  Packer packer_{10, [this](std::string packet) { packets_.push_back(std::move(packet)); }};
};

TEST_F(PackerTest, FillsAPacketToItsLastByte) {
  packer_.add("1234\n");
  packer_.add("6789\n");
  EXPECT_THAT(packets_, IsEmpty());
  packer_.flush();
  EXPECT_THAT(packets_, ElementsAre("1234\n6789\n"));
}

TEST_F(PackerTest, StartsAPacketWhenALineDoesNotFit) {
  packer_.add("1234\n");
  packer_.add("67890\n");
  EXPECT_THAT(packets_, ElementsAre("1234\n"));
  packer_.flush();
  EXPECT_THAT(packets_, ElementsAre("1234\n", "67890\n"));
}

TEST_F(PackerTest, SplitsManyLinesBetweenLinesOnly) {
  packer_.add("a\nbb\nccccccccc\nd\nee\nfff\ngggg\n");
  packer_.flush();
  EXPECT_THAT(packets_, ElementsAre("a\nbb\n", "ccccccccc\n", "d\nee\nfff\n", "gggg\n"));
}

TEST_F(PackerTest, SendsNothingWhenThereIsNothing) {
  packer_.flush();
  packer_.add("");
  packer_.flush();
  EXPECT_THAT(packets_, IsEmpty());
}

TEST_F(PackerTest, AbortsOnALineLongerThanAPacket) {
  EXPECT_DEATH(packer_.add("1234567890\n"), "");
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
