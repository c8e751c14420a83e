#include "base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
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

}  // namespace
}  // namespace heapwatch::base
