#include "leak/process/look.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace heapwatch::leak::process {
namespace {

using memory::Space;
using memory::State;
using testing::ElementsAre;
using testing::IsEmpty;

memory::Survey made() {
  memory::Survey survey{.rss = 100};
  survey.rows = {
      {.space = Space::native, .owner = "glibc", .state = State::live, .detail = "a", .bytes = 40},
      {.space = Space::native, .owner = "glibc", .state = State::live, .detail = "b", .bytes = 20},
      {.space = Space::go, .owner = "go", .state = State::live, .detail = "heap", .bytes = 30},
      {.space = Space::go,
       .owner = "go",
       .state = State::live,
       .detail = "goroutine stacks",
       .bytes = 10}};
  survey.allocators = {{.name = "glibc",
                        .trim_bytes = 7,
                        .arenas = 2,
                        .sizes = {{.size = 3024, .blocks = 3}, {.size = 16, .blocks = 5}}},
                       {.name = "go", .in_use_bytes = 30, .goroutines = 4, .collections = 9}};
  return survey;
}

TEST(LookOf, HasTheRowsOfASurveyByOwnerAndStateWithGoroutineStacksApart) {
  const Look look = look_of(made(), {.sizes_max = 1, .types_max = 1});
  EXPECT_THAT(look.rows, ElementsAre(Amount{"go", "go", "live", 30},
                                     Amount{"go", "goroutine stacks", "live", 10},
                                     Amount{"native", "glibc", "live", 60}));
  EXPECT_THAT(look.sizes, ElementsAre(Group{"native", "blocks of 3024 bytes", 3, 9072}));
  EXPECT_EQ(look.rss, 100);
  EXPECT_EQ(look.trim_bytes, 7);
  EXPECT_EQ(look.arenas, 2);
  EXPECT_EQ(look.go.collections, 9);
  EXPECT_EQ(look.go.goroutines, 4);
}

TEST(LookOf, AHeapThatChangedWhileItWasReadHasNoSizes) {
  memory::Survey survey = made();
  survey.checks = {{.reader = "glibc", .ok = false, .note = "it changed"}};
  const Look look = look_of(survey);
  EXPECT_THAT(look.torn, ElementsAre("native"));
  EXPECT_THAT(look.sizes, IsEmpty());
}

TEST(AddCounters, TellsWhatTheKernelCountsOfThisProcess) {
  Look look;
  EXPECT_GT(add_counters(getpid(), look), 0U);
  EXPECT_GE(look.threads, 1);
  EXPECT_GE(look.descriptors, 3);
  EXPECT_TRUE(look.cpu_seconds && look.virtual_bytes && look.connections);
}

}  // namespace
}  // namespace heapwatch::leak::process
