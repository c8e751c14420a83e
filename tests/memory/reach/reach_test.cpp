#include "memory/reach/reach.h"

#include <gmock/gmock.h>

#include <sstream>
#include <string>

#include "../../testing/subprocess.h"
#include "../process/made_process.h"
#include "../programs/heap_program.h"
#include "memory/readers.h"
#include "memory/survey.h"

namespace heapwatch::memory::reach {
namespace {

using heapwatch::tests::HeapProgram;
using heapwatch::tests::Subprocess;

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

/// Blocks and bytes that LeakSanitizer tells at the end of the program.
std::pair<std::uint64_t, std::uint64_t> told_at_the_end(const std::string& count) {
  const std::string command = "exec " LEAKS_OF_HEAP_PROGRAM " lost " + count + " end 2>&1";
  Subprocess program({"/bin/sh", "-c", command});
  // "SUMMARY: LeakSanitizer: 800000 byte(s) leaked in 20000 allocation(s)."
  constexpr std::string_view summary = "SUMMARY: LeakSanitizer: ";
  std::string line;
  do {
    line = program.read_line();
  } while (!line.starts_with(summary));
  std::istringstream words(line.substr(summary.size()));
  std::pair<std::uint64_t, std::uint64_t> told;
  std::string word;
  words >> told.second >> word >> word >> word >> told.first;
  return told;
}

TEST(Reach, TellsWhatLeakSanitizerTells) {
  const auto [blocks, bytes] = told_at_the_end("3000");
  EXPECT_EQ(blocks, 5U * 3000);
  const HeapProgram program({"lost", "3000"});
  const auto seen = survey(program.pid(), {.reach = true});
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_TRUE(seen->reach);
  // A stale word may keep a list.
  EXPECT_LE(seen->reach->blocks, blocks);
  EXPECT_GE(seen->reach->blocks, blocks - 5);
  EXPECT_LE(seen->reach->bytes, bytes);
  EXPECT_GE(seen->reach->bytes, bytes - 5U * 40);
}

TEST(Reach, OfAProcessWithoutAHeapOfGlibcIsToldToBeMissing) {
  heapwatch::tests::MadeProcess process;
  process.map(0x10000, 0x20000, "rw-p").touch(0x10000, 0x20000);
  const Picture picture = picture_of(process.view(), {.reach = true});
  EXPECT_FALSE(picture.reach());
  ASSERT_EQ(picture.missing().size(), 1U);
  EXPECT_EQ(picture.missing()[0].what, "what can be reached");
  EXPECT_TRUE(picture_of(process.view()).missing().empty());
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
