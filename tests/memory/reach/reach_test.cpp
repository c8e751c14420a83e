#include "memory/reach/reach.h"

#include <gmock/gmock.h>

#include "../programs/heap_program.h"
#include "memory/survey.h"

namespace heapwatch::memory::reach {
namespace {

using heapwatch::testing::HeapProgram;

TEST(Reach, TellsLostListsAndCirclesAndNothingThatIsHeld) {
  const HeapProgram program({"lost", "4000"});
  const auto seen = survey(program.pid(), {.reach = true});
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_TRUE(seen->reach);
  const ReachReport& reach = *seen->reach;
  // Lists of three with a head each, circles of two without; a stale word may keep one of them.
  EXPECT_LE(reach.blocks, 5U * 4000);
  EXPECT_GE(reach.blocks, 5U * 4000 - 5);
  EXPECT_LE(reach.heads, 4000U);
  EXPECT_GE(reach.heads, 4000U - 2);
  ASSERT_FALSE(reach.groups.empty());
  EXPECT_EQ(reach.groups[0].name, "blocks of 48 bytes");
  EXPECT_EQ(reach.groups[0].bytes, reach.groups[0].blocks * 40);
  EXPECT_GE(reach.reachable_blocks, 4050U);
  EXPECT_LT(reach.reachable_blocks, 4070U);
  EXPECT_GT(seen->stopped_ms, 0);
}

TEST(Reach, IsNotToldUnlessAskedFor) {
  const HeapProgram program({"lost", "10"});
  const auto seen = survey(program.pid());
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->reach);
  EXPECT_EQ(seen->stopped_ms, 0);
}

}  // namespace
}  // namespace heapwatch::memory::reach
