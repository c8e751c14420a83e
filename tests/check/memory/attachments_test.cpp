#include "check/memory/attachments.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::check::memory {
namespace {

using heapwatch::memory::process::Facts;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::IsEmpty;

class AttachmentsTest : public ::testing::Test {
 protected:
  /// A program that notes how it is started, and when its standard input ends.
  std::string program(const std::string& says, bool stays = true) {
    const std::string path = folder_.path() / "program";
    std::ofstream(path) << "#!/bin/sh\necho start $1 >> " << log().string() << "\n"
                        << says << "\n"
                        << (stays ? "read line\necho end $1 >> " + log().string() : "exit 1")
                        << "\n";
    chmod(path.c_str(), 0755);
    return path;
  }
  [[nodiscard]] std::filesystem::path log() const { return folder_.path() / "log"; }
  [[nodiscard]] std::string logged() const {
    std::ostringstream text;
    text << std::ifstream(log()).rdbuf();
    return text.str();
  }

  static Facts process(int pid, unsigned long long start) {
    Facts facts{.pid = pid};
    facts.start_ticks = start;
    return facts;
  }
  /// What is said sooner or later.
  static std::vector<std::string> said_in_the_end(Attachments& attachments,
                                                  const std::vector<Facts>& wanted) {
    constexpr std::chrono::milliseconds pause{5};
    for (int i = 0; i < 4000; ++i) {
      if (auto said = attachments.keep(wanted, steady_clock::now()); !said.empty()) {
        return said;
      }
      std::this_thread::sleep_for(pause);
    }
    return {};
  }
  bool waits_for(const std::string& text) {
    constexpr std::chrono::milliseconds pause{5};
    for (int i = 0; i < 4000 && logged() != text; ++i) {
      std::this_thread::sleep_for(pause);
    }
    return logged() == text;
  }

  heapwatch::tests::TemporaryFolder folder_;
};

TEST_F(AttachmentsTest, StartsOneForEachProcessAndEndsItWhenItIsNotWantedAnyMore) {
  Attachments attachments(program("echo +well"));
  const auto now = steady_clock::now();
  EXPECT_THAT(attachments.keep({process(12, 1)}, now), IsEmpty());
  ASSERT_TRUE(waits_for("start attach-to:12\n"));
  EXPECT_THAT(attachments.keep({process(12, 1)}, now), IsEmpty());
  EXPECT_THAT(attachments.keep({}, now), IsEmpty());
  EXPECT_EQ(logged(), "start attach-to:12\nend attach-to:12\n");
}

TEST_F(AttachmentsTest, AnotherProcessOfTheSameNumberIsAttachedToAnew) {
  Attachments attachments(program(""));
  EXPECT_THAT(attachments.keep({process(12, 1)}, steady_clock::now()), IsEmpty());
  ASSERT_TRUE(waits_for("start attach-to:12\n"));
  EXPECT_THAT(attachments.keep({process(12, 2)}, steady_clock::now()), IsEmpty());
  EXPECT_TRUE(waits_for("start attach-to:12\nend attach-to:12\nstart attach-to:12\n") ||
              waits_for("start attach-to:12\nstart attach-to:12\nend attach-to:12\n"));
}

TEST_F(AttachmentsTest, ItsEndLetsGoOfAll) {
  {
    Attachments attachments(program(""));
    EXPECT_THAT(attachments.keep({process(12, 1)}, steady_clock::now()), IsEmpty());
    ASSERT_TRUE(waits_for("start attach-to:12\n"));
  }
  EXPECT_EQ(logged(), "start attach-to:12\nend attach-to:12\n");
}

TEST_F(AttachmentsTest, SaysWhatWentWrongAndTriesAgainLater) {
  Attachments attachments(program("echo it cannot be attached to", false));
  const std::vector<Facts> wanted{process(12, 1)};
  EXPECT_THAT(said_in_the_end(attachments, wanted), ElementsAre("it cannot be attached to"));
  const auto now = steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    (void)attachments.keep(wanted, now);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(logged(), "start attach-to:12\n");
  (void)attachments.keep(wanted, now + Attachments::again + std::chrono::seconds(1));
  EXPECT_TRUE(waits_for("start attach-to:12\nstart attach-to:12\n"));
}

TEST_F(AttachmentsTest, AProgramThatCannotBeStartedIsSaid) {
  Attachments attachments(folder_.path() / "none");
  EXPECT_THAT(attachments.keep({process(12, 1)}, steady_clock::now()),
              ElementsAre("cannot start what attaches to process 12"));
}

}  // namespace
}  // namespace heapwatch::check::memory
