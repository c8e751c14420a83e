#include "attach/injection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "attach/refusals.h"
#include "attach/target_memory.h"
#include "base/file.h"
#include "memory/native/find_books.h"
#include "target.h"

namespace heapwatch::attach {
namespace {

using preload::Operation;
using preload::Outcome;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using tests::Target;

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

TEST(Injection, children_of_vfork_do_not_matter) {
  expect_rounds({"vforks", "2"}, count(3));
}

TEST(Injection, threads_that_come_and_go_all_the_time_do_not_matter) {
  expect_rounds({"threads", "1"}, count(3));
}

bool sleeps_deeply_now(int pid) {
  const std::vector<Task> tasks = tasks_of(pid);
  return std::any_of(tasks.begin(), tasks.end(),
                     [pid](const Task& task) { return task.tid == pid && task.state == 'D'; });
}

TEST(Injection, a_process_that_sleeps_where_nothing_can_stop_it_is_left_alone) {
  Target target(TARGET_PROGRAM, {"deep"});
  ASSERT_TRUE(waits_until([&] { return sleeps_deeply_now(target.pid()); }));
  const auto seen = gather(target.pid(), ourselves());
  ASSERT_TRUE(seen);
  const auto began = std::chrono::steady_clock::now();
  const auto injected = inject(
      seen->evidence, {.library = PRELOAD_LIBRARY, .search_limit = std::chrono::milliseconds(500)});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  ASSERT_FALSE(injected);
  const std::string number = std::to_string(target.pid());
  EXPECT_EQ(injected.error().message,
            "no thread of process " + number +
                " was found at a point where it may be borrowed; the last one: thread " + number +
                " sleeps where nothing can stop it (state D: in a call that waits for a disk, a "
                "file system or a child of vfork)");
  const auto after = gather(target.pid(), ourselves());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->evidence.facts.tracer, 0);
  EXPECT_THAT(base::read_file("/proc/" + number + "/maps", 1 << 20).value_or(""),
              Not(HasSubstr("heapwatch")));
  EXPECT_EQ(target.end(), "checked 0");
}

TEST(Injection, a_thread_that_nothing_can_stop_does_not_keep_the_others_from_being_used) {
  Target target(TARGET_PROGRAM, {"deep", "2"});
  ASSERT_TRUE(waits_until([&] { return sleeps_deeply_now(target.pid()); }));
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 1000; }));
  ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done);
  EXPECT_TRUE(sleeps_deeply_now(target.pid()));
  EXPECT_THAT(target.end(), checked_some());
}

TEST(Injection, huge_pages_do_not_matter) {
  expect_rounds({"huge", "1"}, count(1));
}

TEST(Injection, five_hundred_threads_do_not_matter) {
  Target target(TARGET_PROGRAM, {"calm", "500"});
  for (int i = 0; i < count(1); ++i) {
    ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done) << "round " << i;
    EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 1000; })) << "round " << i;
    ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done) << "round " << i;
  }
  EXPECT_THAT(target.end(), checked_some());
}

std::set<std::string> files_of(int pid) {
  std::set<std::string> files;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    files.insert(entry.path().filename().string());
  }
  return files;
}

/// Code that lies in no file, as that of an injection does.
std::size_t nameless_code(int pid) {
  const auto mappings = mappings_of(pid);
  return static_cast<std::size_t>(
      std::count_if(mappings.begin(), mappings.end(), [](const auto& mapping) {
        return mapping.executable && !mapping.is_file() && mapping.name.empty();
      }));
}

TEST(Injection, what_a_failed_one_has_mapped_goes_again) {
  for (const std::vector<std::string>& mode : {std::vector<std::string>{"calm", "3"}, {"alone"}}) {
    Target target(TARGET_PROGRAM, mode);
    const auto files = files_of(target.pid());
    ASSERT_EQ(nameless_code(target.pid()), 0);
    const auto seen = gather(target.pid(), ourselves());
    ASSERT_TRUE(seen);
    // No library.
    const auto injected = inject(seen->evidence, {.library = "/proc/version"});
    ASSERT_FALSE(injected);
    EXPECT_THAT(injected.error().message, HasSubstr("the library cannot be loaded there: "));
    EXPECT_EQ(nameless_code(target.pid()), 0);
    EXPECT_EQ(files_of(target.pid()), files);
    // Nor a file.
    const auto missing = inject(seen->evidence, {.library = "/no/such/file"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(nameless_code(target.pid()), 0);
    EXPECT_EQ(files_of(target.pid()), files);
    ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
    EXPECT_THAT(target.end(), checked_some());
  }
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

/// Somebody who is killed when an attach to it is at that step.
void attach_and_die(const Target& target, Step step) {
  const int tracer = fork();
  if (tracer == 0) {
    const auto injected = operate(target.pid(), Operation::attach, [&](Step now) {
      if (now == step) {
        kill(getpid(), SIGKILL);
      }
    });
    std::cerr << (injected ? "attached" : injected.error().message) << '\n';
    _exit(1);
  }
  int status = 0;
  waitpid(tracer, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "step " << static_cast<int>(step);
}

void expect_to_survive(const std::string& program, const std::vector<std::string>& mode,
                       const ::testing::Matcher<std::string>& says) {
  // Some at once, since a borrowed thread goes back by itself within a second.
  constexpr int at_once = 6;
  for (int first = 0; first < steps; first += at_once) {
    std::vector<std::unique_ptr<Target>> targets;
    for (int step = first; step < std::min(first + at_once, steps); ++step) {
      targets.push_back(std::make_unique<Target>(program, mode));
      attach_and_die(*targets.back(), static_cast<Step>(step));
    }
    usleep(1'200'000);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      EXPECT_THAT(targets[i]->end(), says) << "step " << first + static_cast<int>(i);
    }
  }
}

TEST(Injection, whoever_attaches_may_be_killed_at_any_step) {
  expect_to_survive(TARGET_PROGRAM, {"churn", "2"}, checked_some());
}

TEST(Injection, a_process_of_one_thread_survives_it_too) {
  expect_to_survive(TARGET_PROGRAM, {"alone"}, checked_some());
}

TEST(Injection, a_blocked_call_survives_it_too) {
  expect_to_survive(CALLS_PROGRAM, {"epoll_wait"}, "all as ever");
}

TEST(Injection, vector_registers_survive_it_too) {
  expect_to_survive(CALLS_PROGRAM, {"vectors"}, "all as ever");
}

/// The pages of files that a process does not write to, and of its own program all.
std::vector<memory::process::Mapping> file_mappings(int pid) {
  auto mappings = mappings_of(pid);
  std::erase_if(mappings, [](const auto& mapping) {
    return !mapping.is_file() || mapping.name.find("heapwatch") != std::string::npos ||
           (mapping.writable && mapping.name.find("attach_target") == std::string::npos);
  });
  return mappings;
}

std::string bytes_of(int pid, const memory::process::Mapping& mapping) {
  std::string bytes(mapping.range().size(), '\0');
  const auto memory = TargetMemory::open(pid);
  EXPECT_TRUE(memory);
  bytes.resize(memory->read(mapping.begin, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

std::string rights_of(const memory::process::Mapping& mapping) {
  return {mapping.readable ? 'r' : '-', mapping.writable ? 'w' : '-',
          mapping.executable ? 'x' : '-'};
}

bool waits_in_read(int pid) {
  return base::read_file("/proc/" + std::to_string(pid) + "/syscall", 4096)
      .value_or("")
      .starts_with("0 0x0 ");
}

TEST(Injection, a_detach_leaves_every_byte_as_it_was) {
  Target target(TARGET_PROGRAM, {"idle"});
  // It has looked read() up once it waits there.
  ASSERT_TRUE(waits_until([&] { return waits_in_read(target.pid()); }));
  const auto mappings = file_mappings(target.pid());
  const auto all_bytes = [&] {
    std::vector<std::string> all;
    for (const auto& mapping : mappings) {
      all.push_back(bytes_of(target.pid(), mapping));
    }
    return all;
  };
  const auto before = all_bytes();
  ASSERT_GT(before.size(), 8);
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  EXPECT_NE(all_bytes(), before);
  ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done);
  const auto after = all_bytes();
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    EXPECT_TRUE(after[i] == before[i]) << mappings[i].name << " at " << mappings[i].begin;
    // A mapping may be in two parts by now, with the same rights.
    for (const auto& now : mappings_of(target.pid())) {
      if (mappings[i].range().contains(now.begin)) {
        EXPECT_EQ(rights_of(now), rights_of(mappings[i])) << mappings[i].name;
      }
    }
  }
  EXPECT_EQ(target.end(), "checked 0");
}

TEST(Injection, blocks_from_before_are_older_frees_and_nothing_is_untracked) {
  Target target(TARGET_PROGRAM, {"churn", "3"});
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  // All that lived then is turned over.
  EXPECT_TRUE(waits_until([&] { return allocations(target.pid()) > 200'000; }));
  const auto books = memory::native::find_books(target.pid());
  ASSERT_NE(books, nullptr);
  EXPECT_GT(books->health().older_frees, 1000);
  EXPECT_LE(books->health().older_frees, 3 * 512 + 64);
  // Of 8 to 608 bytes, and each 32nd of 20000.
  EXPECT_GT(books->health().older_freed_bytes, books->health().older_frees * 200);
  EXPECT_LT(books->health().older_freed_bytes, books->health().older_frees * 2500);
  const auto grown = books->growth(memtrack_space_native);
  EXPECT_LT(std::abs(grown), 3'000'000) << "what came in place of it is no growth";
  EXPECT_EQ(books->health().double_frees, 0);
  EXPECT_EQ(books->counters().untracked_frees, 0);
  EXPECT_THAT(target.end(), checked_some());
}

TEST(Injection, blocked_calls_and_vector_registers_are_what_they_would_be) {
  Target target(CALLS_PROGRAM, {});
  usleep(100'000);
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  usleep(200'000);
  ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done);
  EXPECT_EQ(target.end(), "all as ever");
}

/// One at a time beside the first thread, so that each of them is the one that is borrowed.
TEST(Injection, each_blocked_call_may_be_that_of_the_borrowed_thread) {
  for (const char* const call : {"nanosleep", "poll", "select", "epoll_wait", "recv_with_timeout",
                                 "semtimedop", "sigtimedwait", "vectors"}) {
    Target target(CALLS_PROGRAM, {call});
    usleep(50'000);
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(outcome(operate(target.pid(), i % 2 == 0 ? Operation::attach : Operation::detach)),
                Outcome::done)
          << call;
    }
    EXPECT_EQ(target.end(), "all as ever") << call;
  }
}

/// Private memory that is resident.
std::size_t private_bytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::size_t all = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  EXPECT_TRUE(file >> all >> resident >> shared);
  return (resident - shared) * 4096;
}

TEST(Injection, attaching_again_walks_over_no_table_of_the_books) {
  Target target(TARGET_PROGRAM, {"churn", "1"});
  const auto counts_on = [&] {
    const std::uint64_t before = allocations(target.pid());
    return waits_until([&] { return allocations(target.pid()) > before + 1000; });
  };
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  ASSERT_TRUE(counts_on());
  ASSERT_EQ(outcome(operate(target.pid(), Operation::detach)), Outcome::done);
  const std::size_t before = private_bytes(target.pid());
  // All that was noted before is given up with the first block.
  ASSERT_EQ(outcome(operate(target.pid(), Operation::attach)), Outcome::done);
  ASSERT_TRUE(counts_on());
  EXPECT_LT(private_bytes(target.pid()), before + (10U << 20));
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
