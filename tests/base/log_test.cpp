#include "base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/log_queue.h"

namespace heapwatch::base {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Standard error is a pipe of a page while it lives.
class Reader {
 public:
  Reader() : kept_(dup(STDERR_FILENO)) {
    (void)std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    read_ = ends[0];
    EXPECT_GT(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
    EXPECT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    restore();
    close(read_);
  }
  void restore() {
    if (kept_ >= 0) {
      EXPECT_EQ(dup2(kept_, STDERR_FILENO), STDERR_FILENO);
      close(std::exchange(kept_, -1));
    }
  }
  /// Until the text ends with `end`; the times of lines are left out.
  std::string read_until(const std::string& end) {
    std::string text;
    while (text.size() < end.size() ||
           text.compare(text.size() - end.size(), end.size(), end) != 0) {
      if (at_ == got_.size()) {
        got_.resize(4096);
        got_.resize(
            static_cast<std::size_t>(std::max<ssize_t>(0, read(read_, got_.data(), got_.size()))));
        at_ = 0;
      }
      if (got_.empty()) {
        break;
      }
      text += got_[at_++];
    }
    return text;
  }

 private:
  std::string got_;  // read, and from at_ on not given yet
  std::size_t at_ = 0;
  int kept_;
  int read_ = -1;
};

std::vector<std::string> messages(const std::string& text) {
  std::vector<std::string> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    found.push_back(line.substr(line.find(" | ") + 3));
    at = end == std::string::npos ? text.size() : end + 1;
  }
  return found;
}

TEST(Log, ALineIsOneLineWhateverItQuotes) {
  Reader reader;
  log(LogLevel::warn, "key \"a\n2026-01-31 12:00:00 UTC | ERROR | forged\" \x1b[31m\xff");
  reader.restore();
  const std::string text = reader.read_until("\n");
  EXPECT_THAT(messages(text),
              testing::ElementsAre("WARN | key \"a\\n2026-01-31 12:00:00 UTC | ERROR | forged\" "
                                   "\\x1b[31m\\xff"));
}

TEST(LogQueue, AReaderThatStopsHoldsUpNobodyAndLearnsWhatItMissed) {
  Reader reader;
  const std::uint64_t lost_before = log_lines_lost();
  const auto began = Clock::now();
  {
    const LogQueue queue(100, 1 << 20);
    const std::string line(100, 'x');
    for (int i = 0; i < 1000; ++i) {
      log(LogLevel::warn, line + std::to_string(i));
    }
    EXPECT_LT(Clock::now() - began, 2s);
    const std::uint64_t lost = log_lines_lost() - lost_before;
    EXPECT_GT(lost, 700U);
    std::uint64_t said = 0;
    std::size_t lines = 0;
    while (said + lines < 1000) {  // lines may follow the last word of what was lost
      const std::string message = messages(reader.read_until("\n")).at(0);
      if (message.find("not read") != std::string::npos) {
        EXPECT_THAT(message, testing::EndsWith(" lost: standard error was not read"));
        said += std::stoul(message.substr(message.find(" | ") + 3));
      } else {
        ++lines;
        EXPECT_THAT(message, testing::StartsWith("WARN | " + line));
      }
    }
    EXPECT_EQ(said, lost);
    EXPECT_EQ(lines, 1000 - lost);

    log(LogLevel::warn, "and on");
    EXPECT_THAT(messages(reader.read_until("on\n")), testing::ElementsAre("WARN | and on"));
  }
  EXPECT_GT(log_lines_lost(), lost_before);
}

TEST(LogQueue, IsBoundedInBytesToo) {
  Reader reader;
  const std::uint64_t lost_before = log_lines_lost();
  const LogQueue queue(10'000, 100'000);
  for (int i = 0; i < 100; ++i) {
    log(LogLevel::warn, std::string(10'000, 'x'));
  }
  // Nine wait, and as many are with the thread.
  EXPECT_GE(log_lines_lost() - lost_before, 81U);
  (void)reader.read_until("not read\n");
}

TEST(LogQueue, AnEndWritesWhatGoesAndDoesNotWaitForAReaderThatStopped) {
  Reader reader;
  const auto began = Clock::now();
  {
    const LogQueue queue;
    log(LogLevel::warn, "first");
    log(LogLevel::warn, std::string(20'000, 'x'));
  }
  EXPECT_LT(Clock::now() - began, 5s);
  EXPECT_THAT(messages(reader.read_until("first\n")).front(), testing::StartsWith("WARN | first"));
  {
    const LogQueue queue;
    log(LogLevel::warn, "last");
  }
  (void)reader.read_until("last\n");
}

TEST(LogQueue, AForkedChildLogsWithoutTheThreadAndWithoutALockHeldByAnother) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's own lock of the descriptor may be held in the child";
#endif
  Reader reader;
  std::thread reading([&reader] { (void)reader.read_until("the end\n"); });
  const LogQueue queue(100, 10'000);  // small, so that it is soon written at the end
  std::atomic<bool> stop{false};
  std::thread busy([&stop] {
    while (!stop) {
      log(LogLevel::warn, "busy");
    }
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      log(LogLevel::warn, "child");
      _exit(0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
  flush_log(20s);
  log(LogLevel::warn, "the end");
  reading.join();
}

}  // namespace
}  // namespace heapwatch::base
