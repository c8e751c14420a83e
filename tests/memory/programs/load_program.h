// load_program, and what a look at it says against what it holds.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "../../testing/subprocess.h"
#include "memory/survey.h"

namespace heapwatch::tests {

/// From when it holds its fill and is under way.
class LoadProgram {
 public:
  /// `environment`: "NAME=value".
  LoadProgram(const std::string& shape, const std::string& threads,
              const std::vector<std::string>& environment = {})
      : process_(command_of(shape, threads, environment)) {
    held_ = std::stoull(process_.read_line().substr(5));
    EXPECT_EQ(process_.read_line(), "ready");
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  /// Bytes, all the time.
  [[nodiscard]] std::uint64_t held() const { return held_; }

 private:
  static std::vector<std::string> command_of(const std::string& shape, const std::string& threads,
                                             const std::vector<std::string>& environment) {
    std::vector<std::string> command{"/usr/bin/env"};
    command.insert(command.end(), environment.begin(), environment.end());
    command.insert(command.end(), {LOAD_PROGRAM, shape, threads});
    return command;
  }

  Subprocess process_;
  std::uint64_t held_ = 0;
};

struct Answer {
  std::uint64_t live = 0;
  bool is_torn = false;   // and so it says
  bool is_walked = true;  // else not all of it was walked
  std::uint64_t may_be_off = 0;
};

inline Answer answer_of(const memory::Survey& survey, const std::string& allocator) {
  Answer answer;
  for (const memory::Row& row : survey.rows) {
    if (row.owner == allocator && row.state == memory::State::live) {
      answer.live += row.bytes;
      answer.may_be_off = std::max(answer.may_be_off, row.torn_bytes);
      answer.is_torn = answer.is_torn || row.torn_bytes > 0;
    }
  }
  for (const memory::Check& check : survey.checks) {
    if (check.reader == allocator && !check.ok) {
      answer.is_torn = true;
      answer.is_walked = answer.is_walked && check.is_torn;
      EXPECT_THAT(check.note, ::testing::HasSubstr("torn"));
      EXPECT_THAT(check.note, ::testing::Not(::testing::HasSubstr("not made out")));
    }
  }
  return answer;
}

/// Within 1 %, or torn and as far off as it says at most.
inline void expect_right_or_torn(const Answer& answer, std::uint64_t held) {
  // Beside what the threads hold: their caches, thread-local variables, and a block of each that is
  // being exchanged.
  constexpr double beside = 64 * 1024;
  const double off = std::abs(static_cast<double>(answer.live) - static_cast<double>(held));
  const double allowed = static_cast<double>(held) / 100 + beside;
  if (!answer.is_torn) {
    EXPECT_LE(off, allowed) << answer.live << " of " << held;
  } else if (answer.is_walked) {
    EXPECT_LE(off, static_cast<double>(answer.may_be_off) + allowed)
        << answer.live << " of " << held << ", may be off by " << answer.may_be_off;
  }
}

/// The long form asks for more.
inline int looks_wanted() {
  const char* const wanted = std::getenv("HEAPWATCH_LOOKS");
  return wanted != nullptr ? std::stoi(wanted) : 2;
}

}  // namespace heapwatch::tests
