#include "base/ownership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace heapwatch::base {
namespace {

using testing::HasSubstr;

class Ownership : public testing::Test {
 protected:
  Ownership() : root_(std::filesystem::canonical(::mkdtemp(name_.data()))) {
    std::filesystem::create_directory(root_ / "d");
    std::ofstream(root_ / "d/f") << "text";
    set("d", 0755);
    set("d/f", 0644);
  }
  ~Ownership() override { std::filesystem::remove_all(root_); }

  void set(const char* name, mode_t mode) const {
    ASSERT_EQ(::chmod((root_ / name).c_str(), mode), 0);
  }
  [[nodiscard]] std::string said(const std::filesystem::path& path) const {
    const auto file = open_owned(path);
    std::string text = file ? file->path().string() : file.error().message;
    if (text.starts_with(root_.string() + "/")) {
      text.erase(0, root_.string().size() + 1);
    }
    return text;
  }
  [[nodiscard]] std::string said(const char* name) const { return said(root_ / name); }

  std::string name_ = testing::TempDir() + "ownership_XXXXXX";
  std::filesystem::path root_;
};

TEST_F(Ownership, WhatIsOursIsOpenedForReading) {
  const auto file = open_owned(root_ / "d/../d/./f");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->path(), root_ / "d/f");
  std::array<char, 8> text{};
  EXPECT_EQ(::read(file->descriptor(), text.data(), text.size()), 4);
  EXPECT_EQ(said("d"), "d");
  EXPECT_EQ(said("/"), "/");
}

TEST_F(Ownership, WhatOthersMayWriteIsNot) {
  set("d/f", 0666);
  EXPECT_EQ(said("d/f"), "d/f may be written by everybody (chmod o-w)");
  set("d/f", 0644);
  set("d", 0777);
  EXPECT_EQ(said("d/f"), "d may be written by everybody (chmod o-w)");
  EXPECT_EQ(open_owned(root_ / "d/f").error().kind, ErrorKind::refused);
}

TEST_F(Ownership, AStickyFolderIsFineOnTheWayAndNotAsTheEnd) {
  set("d", 01777);
  EXPECT_EQ(said("d/f"), "d/f");
  EXPECT_EQ(said("d"), "d may be written by everybody (chmod o-w)");
}

TEST_F(Ownership, TheGroupOfAUserAloneMayWriteAndNoOther) {
  set("d/f", 0664);
  const bool own = ::geteuid() != 0 && ::geteuid() == ::getegid();
  EXPECT_EQ(said("d/f"), own ? "d/f"
                             : "d/f may be written by its group, " + std::to_string(::getegid()) +
                                   " (chmod g-w)");
}

TEST_F(Ownership, LinksAreFollowedAndWhatTheyLeadToIsLookedAt) {
  std::filesystem::create_symlink("d/f", root_ / "relative");
  std::filesystem::create_symlink(root_ / "d", root_ / "absolute");
  EXPECT_EQ(said("relative"), "d/f");
  EXPECT_EQ(said("absolute/f"), "d/f");
  set("d", 0777);
  EXPECT_EQ(said("relative"), "d may be written by everybody (chmod o-w)");
  std::filesystem::create_symlink("loop", root_ / "loop");
  EXPECT_THAT(said("loop"), HasSubstr("more than 40 links"));
}

TEST_F(Ownership, WhatBelongsToAnotherUserIsNot) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  ASSERT_EQ(::chown((root_ / "d/f").c_str(), 65534, 0), 0);
  EXPECT_EQ(said("d/f"), "d/f belongs to user 65534, neither to root nor to user 0");
  ASSERT_EQ(::chown((root_ / "d/f").c_str(), 0, 0), 0);
  ASSERT_EQ(::chown((root_ / "d").c_str(), 65534, 0), 0);
  EXPECT_EQ(said("d/f"), "d belongs to user 65534, neither to root nor to user 0");
  std::filesystem::create_symlink("/etc/passwd", root_ / "link");
  ASSERT_EQ(::lchown((root_ / "link").c_str(), 65534, 0), 0);
  EXPECT_EQ(said("link"), "link belongs to user 65534, neither to root nor to user 0");
}

TEST_F(Ownership, WhatIsNotThereIsSaid) {
  EXPECT_EQ(
      open_owned(root_ / "d/x").error(),
      (Error{ErrorKind::not_found, (root_ / "d/x").string() + ": No such file or directory"}));
  EXPECT_EQ(open_owned(root_ / "d/f/x").error().kind, ErrorKind::not_found);
}

TEST_F(Ownership, KnowsWhatEverybodyMayExchange) {
  EXPECT_FALSE(is_world_writable(root_ / "d/f"));
  set("d/f", 0602);
  EXPECT_TRUE(is_world_writable(root_ / "d/f"));
  set("d/f", 0600);
  set("d", 0777);
  EXPECT_TRUE(is_world_writable(root_ / "d/f"));
  set("d", 01777);
  EXPECT_FALSE(is_world_writable(root_ / "d/f"));
  EXPECT_FALSE(is_world_writable(root_ / "absent"));
}

}  // namespace
}  // namespace heapwatch::base
