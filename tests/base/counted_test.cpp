#include "base/counted.h"

#include <gtest/gtest.h>

namespace heapwatch::base {
namespace {

TEST(Counted, OneIsSingularAndAllElseIsPlural) {
  EXPECT_EQ(counted(0, "check instance"), "0 check instances");
  EXPECT_EQ(counted(1, "check instance"), "1 check instance");
  EXPECT_EQ(counted(2, "check instance"), "2 check instances");
}

TEST(Counted, APluralOfItsOwn) {
  EXPECT_EQ(counted(0, "child process", "child processes"), "0 child processes");
  EXPECT_EQ(counted(1, "child process", "child processes"), "1 child process");
  EXPECT_EQ(counted(18446744073709551615U, "child process", "child processes"),
            "18446744073709551615 child processes");
}

}  // namespace
}  // namespace heapwatch::base
