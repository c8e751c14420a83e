#include "agent/process/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

namespace heapwatch::agent::process {
namespace {

TEST(Colored, WritesItsColorOnlyWhenItIsEnabled) {
  std::ostringstream out;
  out << colored("bad", Color::red, true) << ' ' << colored("good", Color::green, false);
  EXPECT_EQ(out.str(), "\x1b[31mbad\x1b[0m good");
}

TEST(Terminal, TakesNoColorsWhereItIsNone) {
  EXPECT_FALSE(takes_colors(-1));
}

}  // namespace
}  // namespace heapwatch::agent::process
