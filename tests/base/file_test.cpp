#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace heapwatch::base {
namespace {

class ReadFile : public testing::Test {
 protected:
  void SetUp() override { std::ofstream(path_, std::ios::binary) << std::string(100'000, 'x'); }
  void TearDown() override { std::filesystem::remove(path_); }

  std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("read_file_" + std::to_string(getpid()));
};

TEST_F(ReadFile, ReturnsEveryByte) {
  EXPECT_EQ(read_file(path_, 100'000).value(), std::string(100'000, 'x'));
}

TEST_F(ReadFile, RefusesWhatIsLargerThanTheLimit) {
  const auto read = read_file(path_, 99'999);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::limit);
  EXPECT_EQ(read.error().message, path_.string() + ": larger than the limit of 99999 bytes");
}

TEST_F(ReadFile, NamesTheFileThatIsNotThere) {
  const auto read = read_file("/nowhere/at/all", 1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(),
            (Error{ErrorKind::not_found, "/nowhere/at/all: No such file or directory"}));
}

class WriteFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_),
                                                  std::filesystem::directory_iterator()));
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("write_file_" + std::to_string(getpid()));
};

TEST_F(WriteFile, MakesAFileOrTakesThePlaceOfOne) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, "first"));
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  ASSERT_TRUE(write_file(path, std::string(100'000, 'x')));
  EXPECT_EQ(read_file(path, 200'000).value(), std::string(100'000, 'x'));
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
  EXPECT_EQ(files(), 1U);
}

TEST_F(WriteFile, ReplacesWhatALinkLeadsToAndKeepsTheLink) {
  ASSERT_TRUE(write_file(folder_ / "a", "first"));
  std::filesystem::create_symlink("a", folder_ / "link");
  ASSERT_TRUE(write_file(folder_ / "link", "second"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "a", 100).value(), "second");
}

TEST_F(WriteFile, LeavesWhatWasThereAndNothingElseWhenTheDiskIsFull) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, "first"));
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  (void)std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, unlimited.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);  // EFBIG, as a full disk is ENOSPC
  const auto written = write_file(path, std::string(1'000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, path.string() + ": File too large");
  EXPECT_EQ(read_file(path, 100).value(), "first");
  EXPECT_EQ(files(), 1U);
}

TEST_F(WriteFile, WritesToADeviceAsItIs) {
  EXPECT_TRUE(write_file("/dev/null", "text"));
  const auto full = write_file("/dev/full", "text");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message, "/dev/full: No space left on device");
}

TEST_F(WriteFile, NamesTheFolderThatIsNotThere) {
  const auto written = write_file(folder_ / "no" / "a", "text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            (folder_ / "no" / "a").string() + ": No such file or directory");
}

}  // namespace
}  // namespace heapwatch::base
