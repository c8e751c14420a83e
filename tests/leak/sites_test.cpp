// Which call of a stack is told.
#include "leak/sites.h"

#include <gtest/gtest.h>

namespace heapwatch::leak {
namespace {

std::string told(const std::vector<Frame>& stack, const char* space) {
  return stack[application_call(stack, space)].function;
}

TEST(ApplicationCall, OfNativeMemoryIsTheInnermostThatIsNoLibrarys) {
  EXPECT_EQ(told({{"operator new(unsigned long)", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 0,
                   "native"},
                  {"std::vector<int>::push_back(int const&)",
                   "/usr/include/c++/12/bits/stl_vector.h", 9, "native"},
                  {"Orders::add(int)", "/src/orders.cpp", 41, "native"},
                  {"main", "/src/main.cpp", 3, "native"}},
                 "native"),
            "Orders::add(int)");
  EXPECT_EQ(told({{"g_malloc0", "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0", 0, "native"},
                  {"g_hash_table_new", "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0", 0, "native"},
                  {"open_table", "/opt/app/server", 0, "native"}},
                 "native"),
            "open_table");
}

TEST(ApplicationCall, OfACExtensionIsItsFunction) {
  EXPECT_EQ(told({{"parse", "/usr/lib/python3/dist-packages/fast.so", 0, "native"},
                  {"load", "/srv/app.py", 12, "python"}},
                 "native"),
            "load");
  EXPECT_EQ(told({{"parse", "/srv/app/fast.c", 7, "native"}, {"load", "/srv/app.py", 12, "python"}},
                 "native"),
            "parse");
}

TEST(ApplicationCall, OfPythonsMemoryIsALineOfPython) {
  const std::vector<Frame> stack{
      {"decode", "/srv/app/fast.c", 7, "native"},
      {"loads", "/usr/lib/python3.11/json/__init__.py", 346, "python"},
      {"get", "/usr/lib/python3/dist-packages/requests/api.py", 70, "python"},
      {"fetch", "/srv/app.py", 12, "python"}};
  EXPECT_EQ(told(stack, "python"), "fetch");
  EXPECT_EQ(told({stack[1], stack[2]}, "python"), "get");
}

TEST(ApplicationCall, OfGoIsNeitherTheRuntimesNorTheStandardLibrarys) {
  EXPECT_EQ(told({{"bytes.makeSlice", "/go/bytes/buffer.go", 5, "go"},
                  {"encoding/json.Marshal", "/go/json.go", 5, "go"},
                  {"example.com/app/orders.Keep", "/app/orders.go", 31, "go"},
                  {"main.main", "/app/main.go", 9, "go"}},
                 "go"),
            "example.com/app/orders.Keep");
}

}  // namespace
}  // namespace heapwatch::leak
