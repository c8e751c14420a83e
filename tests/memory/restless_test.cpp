#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>

#include "memory/survey.h"
#include "programs/heap_program.h"

namespace heapwatch::memory {
namespace {

/// A child of a process that was there a moment ago; 0 when there was none.
int child_of(int pid) {
  const std::string name = std::to_string(pid);
  std::ifstream in("/proc/" + name + "/task/" + name + "/children");
  int child = 0;
  in >> child;
  return child;
}

/// The long form asks for 10,000 looks: HEAPWATCH_LOOKS of the soak test.
int looks_wanted() {
  const char* const wanted = std::getenv("HEAPWATCH_LOOKS");
  return wanted != nullptr ? std::stoi(wanted) : 60;
}

TEST(Restless, LooksAtProcessesThatForkExecMapAndExitEndWellAndAddUp) {
  const heapwatch::tests::HeapProgram program({"restless"});
  int seen = 0;
  const int looks = looks_wanted();
  for (int look = 0; look < looks; ++look) {
    const int child = child_of(program.pid());
    const int pid = look % 10 == 0 || child == 0 ? program.pid() : child;
    const auto begin = std::chrono::steady_clock::now();
    const auto survey = memory::survey(pid, {.types = look % 2 == 0, .reach = look % 7 == 0});
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    ASSERT_LT(took.count(), 60);
    if (!survey) {
      ASSERT_FALSE(survey.error().message.empty());
      continue;
    }
    ++seen;
    const auto sum =
        std::accumulate(survey->rows.begin(), survey->rows.end(), std::uint64_t{0},
                        [](std::uint64_t all, const Row& row) { return all + row.bytes; });
    const std::uint64_t off = sum > survey->rss ? sum - survey->rss : survey->rss - sum;
    ASSERT_LE(off, survey->rss_uncertainty);
  }
  EXPECT_GT(seen, looks / 6);
  EXPECT_EQ(kill(program.pid(), 0), 0);
}

}  // namespace
}  // namespace heapwatch::memory
