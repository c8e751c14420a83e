#include "memory/process/twin.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "../programs/heap_program.h"

namespace heapwatch::memory::process {
namespace {

using heapwatch::testing::HeapProgram;

/// Children of a process, dead or alive.
std::string children_of(int pid) {
  std::string all;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream in(task.path() / "children");
    std::string child;
    while (in >> child) {
      all += child + " ";
    }
  }
  return all;
}

TEST(Twin, HasTheMemoryOfTheProcessAndLeavesNothingBehind) {
  const HeapProgram program({"heap", "4"});
  const auto rss = read_rollup(program.pid())->rss;
  for (int look = 0; look < 5; ++look) {
    const auto twin = look_at_twin(program.pid());
    ASSERT_TRUE(twin) << twin.error().message;
    EXPECT_GT(twin->stopped_ms, 0);
    EXPECT_EQ(twin->sighting.view->residency().total(), rss);
    EXPECT_EQ(twin->sighting.view->facts().pid, program.pid());
    EXPECT_EQ(twin->sighting.view->threads().size(), 5U);
    for (const Thread& thread : twin->sighting.view->threads()) {
      EXPECT_TRUE(thread.stack_pointer);
    }
  }
  EXPECT_EQ(children_of(program.pid()), "");
  program.wait();  // each thread is in its system call again
  EXPECT_EQ(read_rollup(program.pid())->rss, rss);
}

TEST(Twin, OfAProcessThatNeverRestsIsTakenAgainAndAgain) {
  const HeapProgram program({"churn", "3"});
  for (int look = 0; look < 5; ++look) {
    const auto twin = look_at_twin(program.pid());
    ASSERT_TRUE(twin) << twin.error().message;
  }
  EXPECT_EQ(children_of(program.pid()), "");
  EXPECT_EQ(kill(program.pid(), 0), 0);
}

TEST(Twin, IsRefusedForAStoppedProcess) {
  const HeapProgram program({"area"});
  kill(program.pid(), SIGSTOP);
  base::Result<TwinSighting> twin;
  do {
    twin = look_at_twin(program.pid());
  } while (twin);
  EXPECT_EQ(twin.error().message, "process " + std::to_string(program.pid()) +
                                      " cannot be paused: it is stopped by a signal");
}

}  // namespace
}  // namespace heapwatch::memory::process
