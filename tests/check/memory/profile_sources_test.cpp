#include "check/memory/profile_sources.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "../../memory/native/kept_books.h"
#include "pprof/parse.h"

namespace heapwatch::check::memory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::code_begin;
using tests::KeptBooks;
using tests::loop_begin;

/// A process that has the files of this one, and waits.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0) {
      pause();
      _exit(0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] int pid() const { return pid_; }

 private:
  pid_t pid_;
};

std::vector<std::string> kinds_of(const std::vector<TakenProfile>& taken) {
  std::vector<std::string> kinds;
  std::transform(taken.begin(), taken.end(), std::back_inserter(kinds),
                 [](const TakenProfile& profile) { return profile.kind; });
  return kinds;
}

struct Seen {
  std::int64_t bytes = 0;
  std::vector<std::string> spaces;
  std::vector<std::string> lines;  // of functions that have a name

  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen seen_in(const TakenProfile& taken) {
  const auto profile = pprof::parse_profile(taken.bytes, {});
  Seen seen;
  if (!profile) {
    ADD_FAILURE() << profile.error().message;
    return seen;
  }
  for (std::size_t i = 0; i < profile->samples.size(); ++i) {
    seen.bytes += profile->samples.values(i).back();
    for (const pprof::Label& label : profile->samples.labels(i)) {
      if (profile->text(label.key) == "space") {
        seen.spaces.emplace_back(profile->text(label.text));
      }
    }
  }
  for (const pprof::Line& line : profile->lines) {
    const pprof::Function& function = profile->functions[line.function];
    seen.lines.push_back(std::string(profile->text(function.name)) + " " +
                         std::string(profile->text(function.file)) + ":" +
                         std::to_string(line.line));
  }
  return seen;
}

TEST(ProfileSources, WhatPythonHoldsInAWatchedProgramIsAProfileOfItsOwnWithItsLines) {
  KeptBooks books;
  const std::uint32_t keep = books.function("keep");
  books.hold(books.stack({code_begin + 1}), 3);
  books.hold(books.stack({loop_begin + 1}, {memtrack::Frame::of(keep, 41, true)}), 5,
             memtrack_space_python);
  const Child child;
  const auto taken = take_profiles(child.pid(), std::nullopt, "/proc");
  ASSERT_THAT(kinds_of(taken), ElementsAre("native", "python"));
  EXPECT_EQ(seen_in(taken[0]), (Seen{.bytes = 300, .spaces = {"native"}, .lines = {}}));
  EXPECT_EQ(seen_in(taken[1]),
            (Seen{.bytes = 500, .spaces = {"python"}, .lines = {"keep orders.py:41"}}));
}

TEST(ProfileSources, AProgramWithoutPythonHasNoProfileOfIt) {
  KeptBooks books;
  books.hold(books.stack({code_begin + 1}), 3);
  const Child child;
  EXPECT_THAT(kinds_of(take_profiles(child.pid(), std::nullopt, "/proc")), ElementsAre("native"));
}

TEST(ProfileSources, AProcessWithoutBooksHasNone) {
  const Child child;
  EXPECT_THAT(take_profiles(child.pid(), std::nullopt, "/proc"), IsEmpty());
}

}  // namespace
}  // namespace heapwatch::check::memory
