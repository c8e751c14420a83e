#include "memory/stacks/stacks.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "../process/made_process.h"
#include "../programs/heap_program.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::stacks {
namespace {

using heapwatch::tests::HeapProgram;
using heapwatch::tests::MadeProcess;

TEST(Stacks, HaveTheBordersThatPthreadTells) {
  const HeapProgram program({"heap", "4"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting);
  const std::vector<Stack> stacks = find_stacks(*sighting->view);
  EXPECT_EQ(stacks.size(), 5U);
  for (int i = 1; i <= 4; ++i) {
    const std::string name = "stack_" + std::to_string(i);
    const std::uint64_t begin = program[name + "_begin"];
    const std::uint64_t end = begin + program[name + "_bytes"];
    const auto found = std::find_if(stacks.begin(), stacks.end(),
                                    [end](const Stack& stack) { return stack.end == end; });
    ASSERT_NE(found, stacks.end()) << name;
    EXPECT_TRUE(found->exact);
    // pthread leaves the guard out, which is never resident.
    EXPECT_LE(found->begin, begin);
    EXPECT_EQ(sighting->view->residency().bytes(found->begin, begin), 0U);
    ASSERT_TRUE(found->pointer);
    EXPECT_LT(*found->pointer, program[name + "_here"]);
    EXPECT_GT(*found->pointer + 4096, program[name + "_here"]);
  }
}

/// A stack with a control block at its top, as glibc lays them out.
MadeProcess& with_stack(MadeProcess& process, std::uint64_t guard, std::uint64_t end) {
  const std::uint64_t block = end - 0x940;
  process.map(guard, guard + 0x1000, "---p").map(guard + 0x1000, end, "rw-p");
  process.write(block, block).write(block + 16, block);
  process.write(block + 0x690, guard).write(block + 0x698, end - guard);
  process.touch(end - 0x3000, end);
  return process;
}

/// As musl lays one out: no guard by another mapping, and the block where its size lets it.
TEST(Stacks, OfMuslsThreadsHaveTheBordersThatTheirBlocksTell) {
  constexpr std::uint64_t begin = 0x10000;
  constexpr std::uint64_t end = 0x33000;
  constexpr std::uint64_t block = end - 0x4d8;
  MadeProcess process;
  process.map(begin, begin + 0x2000, "---p").map(begin + 0x2000, end, "rw-p");
  process.write(block, block)
      .write(block + 16, std::uint64_t{0x555000})
      .write(block + 24, std::uint64_t{0x556000});
  process.write(block + 0x48, begin).write(block + 0x50, end - begin);
  process.write(block + 0x58, block - 0x18).write(block + 0x60, block - 0x18 - begin - 0x2000);
  process.touch(end - 0x3000, end).thread(1, end - 0x1800);
  const std::vector<Stack> stacks = find_stacks(*process.view());
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks[0].begin, begin);
  EXPECT_EQ(stacks[0].end, end);
  EXPECT_EQ(stacks[0].pointer, end - 0x1800);
  // A stack that would end above its own block is none.
  process.write(block + 0x58, end);
  EXPECT_TRUE(find_stacks(*process.view()).empty());
}

TEST(Stacks, OfEndedThreadsAreHeld) {
  MadeProcess process;
  with_stack(process, 0x10000, 0x20000);
  with_stack(process, 0x30000, 0x40000);
  process.thread(1, 0x3e800);
  std::vector<std::string> rows;
  for (const Row& row : picture_of(process.view()).rows()) {
    rows.push_back(row.owner + " " + std::string(name_of(row.state)) + " " +
                   std::to_string(row.bytes));
  }
  EXPECT_THAT(
      rows, ::testing::ElementsAre("threads live 6272", "threads held 6016", "threads held 12288"));
}

TEST(Stacks, AForgedControlBlockClaimsNothingBeyondItsTop) {
  MadeProcess process;
  process.map(0x10000, 0x20000, "rw-p").map(0x20000, 0x40000, "rw-p", "[heap]");
  const std::uint64_t block = 0x1f000;
  // Its stack would reach far beyond the block.
  process.write(block, block)
      .write(block + 16, block)
      .write(block + 0x100, 0x10000)
      .write(block + 0x108, 0x400000);
  process.thread(1, 0x18000);
  EXPECT_TRUE(find_stacks(*process.view()).empty());
}

}  // namespace
}  // namespace heapwatch::memory::stacks
