#include "memory/process/group_names.h"

#include <gtest/gtest.h>

namespace heapwatch::memory::process {
namespace {

TEST(IsInUnit, TakesTheNameWithAndWithoutItsEnding) {
  const std::string text = "0::/system.slice/nginx.service/worker\n";
  EXPECT_TRUE(is_in_unit(text, "nginx"));
  EXPECT_TRUE(is_in_unit(text, "nginx.service"));
  EXPECT_TRUE(is_in_unit(text, "system.slice"));
  EXPECT_FALSE(is_in_unit(text, "ngin"));
}

TEST(IsInGroup, TakesTheGroupAndThoseBelow) {
  const std::string text = "0::/a/b/c\n";
  EXPECT_TRUE(is_in_group(text, "/a/b"));
  EXPECT_TRUE(is_in_group(text, "/a/b/c"));
  EXPECT_TRUE(is_in_group(text, "/a/"));
  EXPECT_TRUE(is_in_group(text, "/"));
  EXPECT_FALSE(is_in_group(text, "/a/b/c/d"));
  EXPECT_FALSE(is_in_group(text, "/a/bb"));
}

}  // namespace
}  // namespace heapwatch::memory::process
