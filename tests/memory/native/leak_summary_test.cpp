#include "memory/native/leak_summary.h"

#include <gmock/gmock.h>

namespace heapwatch::memory::native {
namespace {

using testing::ElementsAre;

TEST(LeakSummary, BeginsAStackWithTheFirstFrameThatIsTheProgramsOwn) {
  EXPECT_THAT(
      frames_that_matter({"0x1 operator new(unsigned long)+0x1c /lib/libstdc++.so.6",
                          "0x2 std::__new_allocator<int>::allocate(unsigned long)+0x8 /bin/a",
                          "0x3 void std::vector<int>::_M_realloc_insert<int>(int&&)+0x9 /bin/a",
                          "0x4 remember(std::vector<int>&)+0x2c /bin/a", "0x5 main+0x12 /bin/a"},
                         6),
      ElementsAre("0x4 remember(std::vector<int>&)+0x2c /bin/a", "0x5 main+0x12 /bin/a"));
  EXPECT_THAT(frames_that_matter({"0x1 __strdup+0x1a /lib/libc.so.6", "0x2 /lib/libstdc++.so.6",
                                  "0x3 /bin/stripped", "0x4 main+0x1 /bin/a"},
                                 1),
              ElementsAre("0x3 /bin/stripped"));
}

TEST(LeakSummary, KeepsAStackThatHasNothingElse) {
  EXPECT_THAT(
      frames_that_matter({"0x1 std::string::reserve()+0x1 /a", "0x2 std::call()+0x1 /a"}, 1),
      ElementsAre("0x1 std::string::reserve()+0x1 /a"));
  EXPECT_THAT(frames_that_matter({}, 6), ElementsAre());
}

TEST(LeakSummary, TakesAnInterpretersFrameForTheProgramsOwn) {
  EXPECT_THAT(frames_that_matter({"0x1 malloc+0x1 /a", "Orders.check orders.py:41"}, 6),
              ElementsAre("Orders.check orders.py:41"));
}

}  // namespace
}  // namespace heapwatch::memory::native
