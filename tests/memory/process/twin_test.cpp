#include "memory/process/twin.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "../programs/heap_program.h"

namespace heapwatch::memory::process {
namespace {

using heapwatch::tests::HeapProgram;

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
    std::uint64_t shares = 0;
    for (const Mapping& mapping : twin->sighting.view->mappings()) {
      shares += mapping.pss;
    }
    EXPECT_GT(shares, rss / 4 * 3) << "the twin takes no part of it";
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

TEST(Twin, OfAProcessWhoseThreadsEndWhileTheyAreStopped) {
  const HeapProgram program({"short", "4"});
  for (int look = 0; look < 50; ++look) {
    const auto twin = look_at_twin(program.pid());
    ASSERT_TRUE(twin) << look << ": " << twin.error().message;
    EXPECT_LT(twin->stopped_ms, 1000);
  }
  EXPECT_EQ(children_of(program.pid()), "");
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

/// A child of the test that waits for its end; with a seccomp filter that allows all, on request.
class Child {
 public:
  explicit Child(bool filtered) : pid_(fork()) {
    if (pid_ != 0) {
      return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{.len = 1, .filter = &allow};
    if (filtered && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)) {
      _exit(1);
    }
    for (;;) {
      pause();
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Until it is in pause().
  void wait() const {
    std::string call;
    while (call != "34") {
      std::ifstream("/proc/" + std::to_string(pid_) + "/syscall") >> call;
      usleep(1000);
    }
  }

 private:
  pid_t pid_;
};

std::string refusal(pid_t pid) {
  const auto twin = look_at_twin(pid);
  return twin ? "not refused" : twin.error().message;
}

TEST(Twin, IsRefusedForAProcessWithASeccompFilter) {
  const Child child(true);
  child.wait();
  EXPECT_EQ(refusal(child.pid()),
            "process " + std::to_string(child.pid()) +
                " cannot be paused: it runs under a seccomp filter, which may kill it for a fork");
  EXPECT_TRUE(look_at(child.pid())) << "it is read as it runs";
}

TEST(Twin, IsRefusedForAProcessThatIsBeingDebugged) {
  const Child child(false);
  child.wait();
  ASSERT_EQ(ptrace(PTRACE_SEIZE, child.pid(), nullptr, nullptr), 0);
  EXPECT_EQ(refusal(child.pid()), "process " + std::to_string(child.pid()) +
                                      " cannot be paused: process " + std::to_string(getpid()) +
                                      " traces it already");
}

}  // namespace
}  // namespace heapwatch::memory::process
