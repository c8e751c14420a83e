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
  EXPECT_EQ(told({{"loads", "/opt/python/lib/python3.12/json/__init__.py", 346, "python"},
                  {"run", "/opt/x/datadog_checks/base/check.py", 90, "python"},
                  {"check", "/opt/x/site-packages/datadog_checks/shop/shop.py", 12, "python"}},
                 "python"),
            "check");
}

TEST(ApplicationCall, OfGoIsNeitherTheRuntimesNorTheStandardLibrarys) {
  EXPECT_EQ(told({{"bytes.makeSlice", "/go/bytes/buffer.go", 5, "go"},
                  {"encoding/json.Marshal", "/go/json.go", 5, "go"},
                  {"example.com/app/orders.Keep", "/app/orders.go", 31, "go"},
                  {"main.main", "/app/main.go", 9, "go"}},
                 "go"),
            "example.com/app/orders.Keep");
}

TEST(ApplicationCall, OfGoIsTheModulesWhateverItsName) {
  EXPECT_EQ(told({{"runtime.mapassign_faststr", "/go/src/runtime/map.go", 5, "go"},
                  {"shop/store.(*Store).Put", "/src/shop/store/store.go", 31, "go"},
                  {"main.main", "/src/shop/main.go", 9, "go"}},
                 "go"),
            "shop/store.(*Store).Put");
  EXPECT_EQ(
      told({{"go.uber.org/zap.New", "/root/go/pkg/mod/go.uber.org/zap@v1.2.0/zap.go", 5, "go"},
            {"main.open", "/src/shop/main.go", 9, "go"}},
           "go"),
      "main.open");
  EXPECT_EQ(told({{"strings.(*Builder).grow", "/usr/lib/go/src/strings/builder.go", 5, "go"},
                  {"main.(*page).render", "/src/shop/main.go", 19, "go"}},
                 "go"),
            "main.(*page).render");
}

TEST(ApplicationCall, OfAWrapperOfMallocIsItsCaller) {
  EXPECT_EQ(told({{"checked_malloc", "/src/memory.c", 5, "native"},
                  {"session_open", "/src/session.c", 31, "native"},
                  {"main", "/src/main.c", 9, "native"}},
                 "native"),
            "session_open");
  for (const char* const name : {"leak_malloc", "malloc_for_good", "mmap_region", "PyCart_keep"}) {
    EXPECT_EQ(told({{name, "/src/memory.c", 5, "native"}, {"main", "/src/main.c", 9, "native"}},
                   "native"),
              name);
  }
  EXPECT_EQ(told({{"PyList_New", "/usr/bin/python3.11", 0, "native"},
                  {"keep", "/src/cart.c", 9, "native"}},
                 "native"),
            "keep");
  EXPECT_EQ(told({{"SSL_new", "/usr/lib/x86_64-linux-gnu/libssl.so.3", 0, "native"},
                  {"accept_one", "/usr/lib/postgresql/15/bin/postgres", 0, "native"}},
                 "native"),
            "accept_one");
}

/// A stack of functions, the innermost first.
std::vector<Frame> stack_of(const std::vector<std::string>& functions) {
  std::vector<Frame> stack;
  for (const std::string& function : functions) {
    stack.push_back({function, "/src/" + function + ".c", 1, "native"});
  }
  return stack;
}

std::string told_with(const std::vector<std::string>& functions,
                      const std::vector<StackUse>& uses) {
  std::vector<SiteGrowth> sites{
      {.space = "native", .stack = stack_of(functions), .count = 100, .bytes = 1e6}};
  find_helpers(sites, uses);
  return functions[application_call(sites.front().stack, "native", sites.front().helpers)];
}

TEST(Helpers, AreFunctionsWhoseMemoryOtherCallersGiveBack) {
  const StackUse leak{.space = "native",
                      .stack = stack_of({"make_buffer", "remember", "main"}),
                      .used = 2e6,
                      .held = 2e6};
  const StackUse scratch{.space = "native",
                         .stack = stack_of({"make_buffer", "answer", "main"}),
                         .used = 3e6,
                         .held = 1e4};
  EXPECT_EQ(told_with({"make_buffer", "remember", "main"}, {leak, scratch}), "remember");
  // Others keep theirs, too: it is the function that keeps it.
  StackUse kept = scratch;
  kept.held = kept.used;
  EXPECT_EQ(told_with({"make_buffer", "remember", "main"}, {leak, kept}), "make_buffer");
  // Nobody else is known to call it.
  EXPECT_EQ(told_with({"make_buffer", "remember", "main"}, {leak}), "make_buffer");
  // Others hardly use it.
  StackUse little = scratch;
  little.used = 5e4;
  little.held = 0;
  EXPECT_EQ(told_with({"make_buffer", "remember", "main"}, {leak, little}), "make_buffer");
}

TEST(Helpers, MayBeSeveralCallsDeep) {
  const StackUse leak{.space = "native",
                      .stack = stack_of({"take", "make_buffer", "remember", "main"}),
                      .used = 2e6,
                      .held = 2e6};
  const StackUse scratch{.space = "native",
                         .stack = stack_of({"take", "make_buffer", "answer", "main"}),
                         .used = 3e6,
                         .held = 0};
  const StackUse other{
      .space = "native", .stack = stack_of({"take", "parse", "main"}), .used = 3e6, .held = 0};
  EXPECT_EQ(told_with({"take", "make_buffer", "remember", "main"}, {leak, scratch, other}),
            "remember");
}

TEST(BestSite, IsOfThoseThatKeepTheirOld) {
  Watch watch;
  watch.sites.push_back({.space = "native",
                         .stack = stack_of({"open_session", "main"}),
                         .bytes = 5e6,
                         .survival = 0.1});
  watch.sites.push_back(
      {.space = "native", .stack = stack_of({"remember", "main"}), .bytes = 1e6, .survival = 0.99});
  const SiteGrowth* best = best_site(watch, "native", {});
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best->stack.front().function, "remember");
}

}  // namespace
}  // namespace heapwatch::leak
