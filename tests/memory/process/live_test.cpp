#include "memory/process/live.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../programs/heap_program.h"
#include "memory/process/modules.h"
#include "memory/process/reading.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::memory::process {
namespace {

using heapwatch::tests::HeapProgram;

TEST(Live, RunsAddUpToTheSumOfSmapsRollupByEitherWay) {
  const HeapProgram program({"area"});
  for (const PagemapWay way : {PagemapWay::best, PagemapWay::entries}) {
    const auto sighting = look_at(program.pid(), {.pagemap = way});
    ASSERT_TRUE(sighting) << sighting.error().message;
    EXPECT_TRUE(sighting->obstacles.empty());
    const auto rollup = read_rollup(program.pid());
    ASSERT_TRUE(rollup);
    EXPECT_GT(rollup->rss, 2'000'000U);
    EXPECT_EQ(sighting->view->residency().total(), rollup->rss);
    for (const Mapping& mapping : sighting->view->mappings()) {
      EXPECT_EQ(sighting->view->residency().bytes(mapping.begin, mapping.end), mapping.rss)
          << mapping.name;
    }
  }
}

/// Resident and swapped bytes, and page faults so far, as the kernel counts them.
std::string footprint(int pid) {
  const auto rollup = read_rollup(pid);
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::array<std::string, 11> field;
  for (std::string& one : field) {
    fields >> one;
  }
  return std::to_string(rollup->rss) + " " + std::to_string(rollup->swap) + " " + field[7] + " " +
         field[9];
}

TEST(Live, ReadingAllOfAProcessFaultsNothingIn) {
  const HeapProgram program({"area"});
  const std::string before = footprint(program.pid());
  for (int look = 0; look < 100; ++look) {
    const auto sighting = look_at(program.pid());
    ASSERT_TRUE(sighting);
    std::vector<std::byte> bytes(Window::bytes_max);
    for (const Mapping& mapping : sighting->view->mappings()) {
      for (std::uint64_t at = mapping.begin; at < mapping.end; at += bytes.size()) {
        const auto size = std::min<std::uint64_t>(bytes.size(), mapping.end - at);
        (void)sighting->view->read(at, std::span<std::byte>(bytes).first(size));
      }
    }
  }
  EXPECT_EQ(footprint(program.pid()), before);
}

TEST(Live, ReadsWhatTheProcessWrote) {
  const HeapProgram program({"area"});
  const auto sighting = look_at(program.pid());
  ASSERT_TRUE(sighting);
  Words words(*sighting->view);
  EXPECT_EQ(words.u64(program["written"]), std::uint64_t{'w'});
  EXPECT_EQ(words.u64(program["written"] + page_bytes), 0U);
  ASSERT_EQ(sighting->view->threads().size(), 1U);
  ASSERT_TRUE(sighting->view->threads()[0].stack_pointer);
  const Mapping* const stack =
      sighting->view->mapping_at(*sighting->view->threads()[0].stack_pointer);
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(stack->name, "[stack]");
}

TEST(Live, FindsModulesAndTheirSymbols) {
  const HeapProgram program({"area"});
  const auto sighting = look_at(program.pid());
  ASSERT_TRUE(sighting);
  bool found = false;
  Words words(*sighting->view);
  for (const Module& module : find_modules(*sighting->view)) {
    if (module.base_name().compare(0, 7, "libc.so") == 0) {
      found = true;
      const auto version = Symbols(words, module).find("__nptl_version");
      ASSERT_TRUE(version);
      EXPECT_EQ(words.text(*version, 10).value_or("").compare(0, 2, "2."), 0);
      EXPECT_EQ(Symbols(words, module).find("no_such_function_anywhere"), std::nullopt);
    }
  }
  EXPECT_TRUE(found);
}

TEST(Live, AProcessThatIsNotThereIsNamed) {
  int pid = 0;
  {
    const HeapProgram program({"area"});
    pid = program.pid();
  }
  EXPECT_EQ(look_at(pid).error().message, "there is no process " + std::to_string(pid));
}

/// A /proc with one process, as its files were recorded.
std::string seen_in(const std::string& stat, const std::string& status) {
  heapwatch::tests::TemporaryFolder folder;
  folder.write("12/stat", stat);
  folder.write("12/status", status);
  folder.write("12/smaps", "");
  const auto sighting = look_at(12, {.proc = folder.path()});
  return sighting ? "seen" : sighting.error().message;
}

TEST(Live, AThreadOfTheKernelHasNoMemoryAndIsToldAsOne) {
  EXPECT_EQ(seen_in("12 (ksoftirqd/0) S 2 0 0 0 -1 69238848 0 0 0 0 0 93 0 0 20 0 1 0 14 0 0 "
                    "18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 0\n",
                    "Name:\tksoftirqd/0\nPid:\t12\nUid:\t0\t0\t0\t0\n"),
            "process 12 (ksoftirqd/0) is a thread of the kernel: it has no memory of its own");
}

TEST(Live, AProcessThatNobodyWaitedForHasNoMemoryAndIsToldAsOne) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
  const auto sighting = look_at(child);
  ASSERT_FALSE(sighting);
  EXPECT_TRUE(sighting.error().message.ends_with(
      ") has ended, and its parent has not asked how: it has no memory"))
      << sighting.error().message;
  waitpid(child, nullptr, 0);
}

TEST(Live, AnotherUsersProcessIsAnObstacleWithARemedy) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root, to become another user";
  }
  const HeapProgram program({"area"});
  const pid_t looker = fork();
  if (looker == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(9);
    }
    const auto sighting = look_at(program.pid());
    const bool told = sighting && sighting->obstacles.size() == 1 &&
                      sighting->obstacles[0] ==
                          Obstacle{"its mappings", "it runs as user 0, not as ours",
                                   "sudo heapwatch memory " + std::to_string(program.pid())} &&
                      sighting->view->facts().vm_rss > 0;
    _exit(told ? 0 : 1);
  }
  int status = 0;
  waitpid(looker, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace heapwatch::memory::process
