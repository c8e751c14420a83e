#include "check/memory/profile_folder.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::check::memory {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Folder : public ::testing::Test {
 protected:
  ProfileFolder profiles(std::size_t files_max = 20, std::uint64_t bytes_max = 1 << 20) const {
    return ProfileFolder({.path = path, .files_max = files_max, .bytes_max = bytes_max});
  }
  /// A millisecond after the one before.
  base::Result<std::string> keep(const ProfileFolder& folder, const std::string& bytes,
                                 const std::string& process = "shop") {
    now += milliseconds(1);
    return folder.keep({.process = process, .pid = 12, .reason = "leak", .kind = "native"}, bytes,
                       now);
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(path)) {
      found.push_back(entry.path().filename());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  heapwatch::tests::TemporaryFolder above;
  std::string root = above.path();
  std::string path = root + "/kept";
  system_clock::time_point now{std::chrono::seconds(1'795'000'000)};
};

TEST_F(Folder, KeepsAProfileWholeUnderANameThatTellsItsTime) {
  const auto kept = keep(profiles(), "bytes");
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(*kept, path + "/heapwatch-20261118T110640.001Z-shop-12-leak.native.pb.gz");
  EXPECT_EQ(*base::read_file(*kept, 100), "bytes");
  EXPECT_EQ(names().size(), 1U);
}

TEST_F(Folder, FilesAreForTheirOwnerAndGroupWhateverTheUmask) {
  const mode_t before = umask(0);
  const auto kept = keep(profiles(), "bytes");
  umask(0777);
  const auto other = keep(profiles(), "bytes");
  umask(before);
  ASSERT_TRUE(kept && other) << other.error().message;
  struct stat status {};
  ASSERT_EQ(stat(kept->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
  ASSERT_EQ(stat(other->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0640U);
}

TEST_F(Folder, NamesOfProcessesCannotLeaveIt) {
  const auto kept = keep(profiles(), "bytes", "../../etc/a\n\xff%");
  ASSERT_TRUE(kept);
  EXPECT_THAT(*kept, HasSubstr("Z-%2E%2E%2F%2E%2E%2Fetc%2Fa%0A%FF%25-12-leak.native.pb.gz"));
  EXPECT_EQ(names().size(), 1U);
  EXPECT_EQ(as_name_part(""), "unnamed");
  EXPECT_EQ(as_name_part(std::string(1000, 'a')).size(), 60U);
  EXPECT_EQ(as_name_part(std::string(1000, '/')).size(), 60U);
}

TEST_F(Folder, TheOldestGoWhenThereAreTooMany) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(keep(profiles(3), std::to_string(i)));
  }
  std::vector<std::string> left;
  for (const std::string& name : names()) {
    left.push_back(*base::read_file(path + "/" + name, 100));
  }
  EXPECT_THAT(left, ElementsAre("2", "3", "4"));
}

TEST_F(Folder, TheOldestGoWhenTheyAreTooLarge) {
  ASSERT_TRUE(keep(profiles(20, 100), std::string(60, 'a')));
  ASSERT_TRUE(keep(profiles(20, 100), std::string(30, 'b')));
  ASSERT_TRUE(keep(profiles(20, 100), std::string(50, 'c')));
  EXPECT_EQ(names().size(), 2U);
  const auto refused = keep(profiles(20, 100), std::string(101, 'd'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::ErrorKind::limit);
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(Folder, WhatIsSomebodyElsesStays) {
  fs::create_directory(path);
  for (const char* name : {"notes.txt", "heapwatch-notes.txt", "a.pb.gz"}) {
    ASSERT_TRUE(base::write_file(path + "/" + name, std::string(1000, 'x')));
  }
  fs::create_symlink(root, path + "/heapwatch-0.pb.gz");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(keep(profiles(1, 500), "bytes"));
  }
  EXPECT_EQ(names().size(), 5U);
  EXPECT_TRUE(fs::is_directory(root));
}

/// A full disk, as a limit on the size of files: the write fails in the middle.
TEST_F(Folder, AWriteThatFailsLeavesNothingAndTakesNothing) {
  ASSERT_TRUE(keep(profiles(1), "first"));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto kept = keep(profiles(1), std::string(5000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().kind, base::ErrorKind::io);
  EXPECT_THAT(kept.error().message, HasSubstr(": File too large"));
  ASSERT_EQ(names().size(), 1U);
  EXPECT_EQ(*base::read_file(path + "/" + names()[0], 100), "first");
}

TEST_F(Folder, IsNotMadeWhereTheOneAboveIsMissing) {
  path = root + "/a/b";
  const auto kept = keep(profiles(), "bytes");
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().message, path + ": No such file or directory");
  path = root + "/file";
  ASSERT_TRUE(base::write_file(path, ""));
  EXPECT_EQ(keep(profiles(), "bytes").error().message, path + ": Not a directory");
}

}  // namespace
}  // namespace heapwatch::check::memory
