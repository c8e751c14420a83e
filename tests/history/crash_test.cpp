// A writer that is killed at any moment loses what it had not written, and nothing else.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "made_history.h"

namespace heapwatch::history {
namespace {

using tests::second;
using tests::start;

class CrashOfHistory : public tests::MadeHistory {};

/// Writes frames as fast as it can and says after each how many there are, until it is killed.
[[noreturn]] void write_without_end(const std::filesystem::path& path, const LifeInfo& life,
                                    std::int64_t first, int told) {
  std::int64_t now = first;
  Recorder recorder({.path = path,
                     .limits = {.file_max = file_max_least, .life_max = file_max_least},
                     .every = std::chrono::hours(1),
                     .log = {},
                     .clock = [&now] { return now; }});
  while (true) {
    now += 10 * second;
    recorder.record({.life = life, .time = now, .values = {{"rss", now}, {"other", 5}}});
    if (now / second % 7 == 0) {
      recorder.profile(life, now, "native", "schedule", std::string(3000, 'p'));
    }
    recorder.flush();
    if (!recorder.status().trouble.empty() || ::write(told, &now, sizeof now) != sizeof now) {
      std::_Exit(3);
    }
  }
}

TEST_F(CrashOfHistory, AtAnyMomentLosesNothingThatWasWritten) {
  const char* wanted = std::getenv("HEAPWATCH_HISTORY_CRASHES");
  const int crashes = wanted == nullptr ? 25 : std::atoi(wanted);
  std::mt19937 random(3);
  std::int64_t reached = start;
  for (int crash = 0; crash < crashes; ++crash) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      write_without_end(path(), life(), reached, ends[1]);
    }
    ::close(ends[1]);
    std::int64_t told = 0;
    for (auto frames = 1 + random() % 400; frames > 0; --frames) {
      ASSERT_EQ(::read(ends[0], &told, sizeof told), static_cast<ssize_t>(sizeof told)) << crash;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    ::kill(child, SIGKILL);
    // What it said before it was killed is written, too.
    while (::read(ends[0], &told, sizeof told) == static_cast<ssize_t>(sizeof told)) {
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    auto database = Database::open(path(), Database::Mode::write);
    ASSERT_TRUE(database) << database.error().message;
    const auto check = database->prepare("PRAGMA integrity_check");
    ASSERT_TRUE(check);
    auto statement = std::move(*database->prepare("PRAGMA integrity_check"));
    ASSERT_TRUE(statement.step().value_or(false));
    ASSERT_EQ(statement.text(0), "ok") << crash;
    const auto frames = read_frames(*database, 1, Tier::measured, {reached + 1, told});
    ASSERT_TRUE(frames) << frames.error().message;
    ASSERT_EQ(static_cast<std::int64_t>(frames->times.size()), (told - reached) / (10 * second))
        << crash;
    ASSERT_EQ(frames->times.back(), told);
    reached = told + 10 * second;  // the frame that may or may not have been written
  }
}

}  // namespace
}  // namespace heapwatch::history
