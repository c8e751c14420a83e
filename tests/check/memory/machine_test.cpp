#include "check/memory/machine.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "preload/attach.h"

namespace heapwatch::check::memory {
namespace {

using std::chrono::milliseconds;

/// A process that waits, with one variable in its environment.
class Sleeper {
 public:
  explicit Sleeper(const std::string& variable) : pid_(fork()) {
    if (pid_ == 0) {
      const char* const arguments[] = {"/bin/sleep", "600", nullptr};
      const char* const environment[] = {"A=b", variable.c_str(), nullptr};
      execve(arguments[0], const_cast<char**>(arguments), const_cast<char**>(environment));
      _exit(1);
    }
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() { end(); }
  void end() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_;
};

TEST(LiveMachine, TellsWhatAProcessIsUntilItHasEnded) {
  Sleeper sleeper("B=c");
  const int pid = sleeper.pid();
  LiveMachine machine;
  while (machine.facts(pid) && machine.facts(pid)->command != "sleep") {
    usleep(1000);  // it has forked and not yet become sleep
  }
  const auto facts = machine.facts(pid);
  ASSERT_TRUE(facts);
  EXPECT_GT(facts->vm_rss, 0U);
  EXPECT_GT(facts->start_ticks, 0U);
  EXPECT_EQ(facts->threads, 1U);
  EXPECT_FALSE(machine.is_under_exec(pid));
  const auto survey = machine.look(pid, false, machine.now() + std::chrono::hours(1));
  ASSERT_TRUE(survey) << survey.error().message;
  EXPECT_EQ(survey->command, "sleep");
  sleeper.end();
  EXPECT_FALSE(machine.facts(pid));
  EXPECT_EQ(machine.look(pid, false, machine.now() + std::chrono::hours(1)).error().kind,
            base::ErrorKind::not_found);
}

TEST(LiveMachine, KnowsProgramsUnderExecByTheirEnvironment) {
  const Sleeper sleeper(std::string(preload::socket_variable) + "=/nowhere");
  LiveMachine machine;
  for (int i = 0; i < 10'000 && !machine.is_under_exec(sleeper.pid()); ++i) {
    usleep(1000);
  }
  EXPECT_TRUE(machine.is_under_exec(sleeper.pid()));
}

TEST(LiveMachine, ALookPastItsTimeReadsNoHeapAndSaysSo) {
  const Sleeper sleeper("B=c");
  LiveMachine machine;
  while (machine.facts(sleeper.pid()) && machine.facts(sleeper.pid())->command != "sleep") {
    usleep(1000);
  }
  const auto survey = machine.look(sleeper.pid(), false, machine.now());
  ASSERT_TRUE(survey) << survey.error().message;
  ASSERT_EQ(survey->missing.size(), 1U);
  EXPECT_EQ(survey->missing[0].what, heapwatch::memory::not_in_time);
  std::uint64_t sum = 0;
  for (const auto& row : survey->rows) {
    sum += row.bytes;
    EXPECT_NE(row.owner, "glibc");  // its arenas are found by reading
  }
  EXPECT_LE(survey->rss > sum ? survey->rss - sum : sum - survey->rss, survey->rss_uncertainty);
}

TEST(LiveMachine, AListOfProcessesIsMadeAgainWhenItIsTooOld) {
  LiveMachine machine;
  const Processes first = machine.processes(milliseconds(600'000));
  EXPECT_EQ(machine.processes(milliseconds(600'000)), first);
  EXPECT_NE(machine.processes(milliseconds(-1)), first);
  EXPECT_TRUE(std::any_of(first->begin(), first->end(),
                          [](const Entry& process) { return process.pid == getpid(); }));
}

}  // namespace
}  // namespace heapwatch::check::memory
