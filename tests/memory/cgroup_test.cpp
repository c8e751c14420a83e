#include "memory/cgroup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::memory {
namespace {

class CgroupTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  heapwatch::tests::TemporaryFolder folder;
  std::string root = folder.path();
};

TEST_F(CgroupTest, TheSecondVersionIsRead) {
  write("/a.slice/b/memory.current", "1000000\n");
  write("/a.slice/b/memory.max", "max\n");
  write("/a.slice/b/memory.stat",
        "anon 600000\nfile 300000\nkernel 100000\ninactive_file 250000\n");
  write("/a.slice/b/memory.events", "low 0\noom 3\noom_kill 2\n");
  const auto group = read_cgroup("0::/a.slice/b\n", root);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->version, 2);
  EXPECT_EQ(group->limit_bytes, std::nullopt);
  EXPECT_EQ(group->current_bytes, 1000000U);
  EXPECT_EQ(group->working_set_bytes, 750000U);
  EXPECT_EQ(group->anonymous_bytes, 600000U);
  EXPECT_EQ(group->page_cache_bytes, 300000U);
  EXPECT_EQ(group->kernel_bytes, 100000U);
  EXPECT_EQ(group->oom_kills, 2U);
}

TEST_F(CgroupTest, TheFirstVersionIsRead) {
  write("/memory/docker/x/memory.usage_in_bytes", "500000\n");
  write("/memory/docker/x/memory.limit_in_bytes", "9223372036854771712\n");
  write("/memory/docker/x/memory.stat",
        "total_rss 400000\ntotal_cache 90000\ntotal_inactive_file 80000\n");
  write("/memory/docker/x/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
  const auto group = read_cgroup("5:cpu,cpuacct:/docker/y\n4:memory:/docker/x\n0::/other\n", root);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->version, 1);
  EXPECT_EQ(group->limit_bytes, std::nullopt) << "near 2^63 is none";
  EXPECT_EQ(group->current_bytes, 500000U);
  EXPECT_EQ(group->working_set_bytes, 420000U);
  EXPECT_EQ(group->oom_kills, 5U);
}

TEST_F(CgroupTest, AGroupThatIsNotToBeSeenIsNone) {
  EXPECT_FALSE(read_cgroup("0::/\n", root));
  EXPECT_FALSE(read_cgroup("", root));
  EXPECT_FALSE(read_cgroup("nonsense", root));
}

}  // namespace
}  // namespace heapwatch::memory
