#include "attach/injection.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

#include "attach/refusals.h"
#include "attach/target_memory.h"
#include "memory/native/find_books.h"
#include "target.h"

namespace heapwatch::attach {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using preload::Operation;
using preload::Outcome;
using testing::Target;

/// More of everything where the environment asks for it.
int count(int few) {
  const char* const wanted = std::getenv("HEAPWATCH_ATTACHES");
  return wanted == nullptr ? few : std::atoi(wanted);
}

base::Result<Injection> operate(int pid, Operation operation,
                                const std::function<void(Step)>& at_step = {}) {
  auto seen = gather(pid, ourselves());
  if (!seen) {
    return tl::unexpected(seen.error());
  }
  EXPECT_THAT(judge(seen->evidence), IsEmpty());
  return inject(seen->evidence, {.library = PRELOAD_LIBRARY,
                                 .operation = operation,
                                 .sample_interval = 4096,
                                 .at_step = at_step});
}

Outcome outcome(const base::Result<Injection>& injected) {
  if (!injected) {
    ADD_FAILURE() << injected.error().message;
    return Outcome::none;
  }
  return injected->outcome;
}

/// A line that counts more than nothing.
::testing::Matcher<std::string> checked_some() {
  return ::testing::AllOf(StartsWith("checked "), Not("checked 0"));
}

bool waits_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 5000 && !holds(); ++i) {
    usleep(1000);
  }
  return holds();
}

std::uint64_t allocations(int pid) {
  const auto books = memory::native::find_books(pid);
  return books == nullptr ? 0 : books->counters().allocations;
}

void expect_rounds(const std::vector<std::string>& mode, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    Target target(TARGET_PROGRAM, mode);
    ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done) << "round " << i;
    EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 1000; })) << "round " << i;
    ASSERT_THAT(target.end(), checked_some()) << "round " << i;
  }
}

TEST(Injection, four_busy_threads_go_on_with_their_data_intact) {
  expect_rounds({"churn", "4"}, count(5));
}

TEST(Injection, one_thread_goes_on_with_its_data_intact) {
  for (int i = 0; i < count(5); ++i) {
    Target target(TARGET_PROGRAM, {"alone"});
    ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done) << "round " << i;
    EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 1000; }));
    EXPECT_THAT(target.end(), checked_some()) << "round " << i;
  }
}

TEST(Injection, loading_forking_and_signals_do_not_matter) {
  expect_rounds({"storm", "3"}, count(3));
}

TEST(Injection, a_fork_and_a_timer_beside_one_thread_do_not_matter) {
  expect_rounds({"forks", "1"}, count(3));
}

TEST(Injection, it_comes_and_goes_twenty_times_under_load) {
  Target target(TARGET_PROGRAM, {"churn", "3"});
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done) << "cycle " << i;
    EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 1000; }));
    ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done) << "cycle " << i;
  }
  EXPECT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::already);
  EXPECT_THAT(target.end(), checked_some());
}

TEST(Injection, whoever_attaches_may_be_killed_at_any_step) {
  for (int step = 0; step < steps; ++step) {
    Target target(TARGET_PROGRAM, {"churn", "2"});
    const int tracer = fork();
    if (tracer == 0) {
      (void)operate(target.pid(), Operation::attach, [&](Step now) {
        if (now == static_cast<Step>(step)) {
          kill(getpid(), SIGKILL);
        }
      });
      _exit(1);
    }
    int status = 0;
    waitpid(tracer, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "step " << step;
    // A borrowed thread goes back by itself within a second.
    usleep(1'200'000);
    EXPECT_THAT(target.end(), checked_some()) << "step " << step;
  }
}

TEST(Injection, a_filter_that_would_kill_is_read_and_nothing_is_changed) {
  Target target(TARGET_PROGRAM, {"filtered"});
  const auto before = mappings_of(target.pid());
  const auto injected = operate(target.pid(), Operation::attach);
  ASSERT_FALSE(injected);
  EXPECT_THAT(injected.error().message, HasSubstr("does not allow mmap"));
  EXPECT_EQ(mappings_of(target.pid()), before);
  EXPECT_EQ(target.end(), "checked 0");
}

}  // namespace
}  // namespace heapwatch::attach
