#include "exporters/dogstatsd/origin.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace heapwatch::exporters::dogstatsd {
namespace {

const std::string id = "3e74d3fd9db4c9dd921ae05c2502fb984d0cde1b36e581b13f79c639da4518a1";

class DetectContainer : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    for (const auto& path : {paths_.cgroup, paths_.mountinfo, paths_.cgroup_namespace}) {
      std::ofstream(path).flush();
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string with_cgroup(const std::string& text) {
    std::ofstream(paths_.cgroup) << text;
    return detect_container(paths_);
  }
  std::string with_mounts(const std::string& text) {
    std::ofstream(paths_.mountinfo) << text;
    return detect_container(paths_);
  }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("origin_" + std::to_string(getpid()));
  OriginPaths paths_{folder_ / "cgroup", folder_ / "mountinfo", folder_ / "namespace",
                     folder_ / "mount"};
};

TEST_F(DetectContainer, ReadsDockersPathOfVersion1) {
  EXPECT_EQ(with_cgroup("13:name=systemd:/docker/" + id + "\n12:pids:/docker/" + id + "\n"),
            "ci-" + id);
}

TEST_F(DetectContainer, ReadsASystemdScopeOfKubernetes) {
  EXPECT_EQ(
      with_cgroup("1:name=systemd:/kubepods.slice/kubepods-pod2d3da189_6407.slice/cri-containerd-" +
                  id + ".scope\n"),
      "ci-" + id);
}

TEST_F(DetectContainer, ReadsTasksOfEcsAndGarden) {
  const std::string ecs = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890";
  EXPECT_EQ(with_cgroup("9:perf_event:/ecs/task/" + ecs + "\n"), "ci-" + ecs);
  const std::string garden = "6f265890-5165-7fab-6b52-18d1";
  EXPECT_EQ(with_cgroup("1:name=systemd:/garden/" + garden + "\n"), "ci-" + garden);
  const std::string uuid = "432624d2-150f-4ec2-b5a2-8c9ad1e2e1b3";
  EXPECT_EQ(with_cgroup("1:name=systemd:/kubepods/pod1/" + uuid + "\n"), "ci-" + uuid);
}

TEST_F(DetectContainer, TakesNothingElseForAnId) {
  EXPECT_EQ(with_cgroup("1:name=systemd:/user.slice/session-1.scope\n"
                        "2:cpu:/" +
                        id.substr(1) +
                        "\n"
                        "3:x:/" +
                        id +
                        "Z\n"
                        "4:y:/34dc0b5e626f2c5c4c5170e34b10e765-\n"
                        "no line\n"),
            "");
}

TEST_F(DetectContainer, ReadsTheMountsWhenTheCgroupPathIsHidden) {
  with_cgroup("0::/\n");
  EXPECT_EQ(with_mounts("608 554 0:42 / / rw - overlay overlay rw\n"
                        "2282 2269 8:1 /var/lib/docker/containers/" +
                        id + "/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n"),
            "ci-" + id);
}

TEST_F(DetectContainer, DoesNotTakeThePodsSandbox) {
  EXPECT_EQ(with_mounts("2282 2269 8:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" +
                        id + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"),
            "");
}

TEST_F(DetectContainer, NamesTheInodeOfTheCgroupFolder) {
  const auto inode = [](const std::filesystem::path& path) {
    std::filesystem::create_directories(path);
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return "in-" + std::to_string(status.st_ino);
  };
  const std::string two = inode(paths_.cgroup_mount / "system.slice");
  const std::string one = inode(paths_.cgroup_mount / "memory" / "a" / "b");
  EXPECT_EQ(with_cgroup("0::/system.slice\n"), two);
  EXPECT_EQ(with_cgroup("5:cpu:/system.slice\n4:memory:/a/b\n"), one);
  EXPECT_EQ(with_cgroup("5:cpu:/system.slice\n"), "");
  EXPECT_EQ(with_cgroup("0::/nowhere\n"), "");
}

TEST_F(DetectContainer, IsSilentWithoutAnyFile) {
  EXPECT_EQ(detect_container({folder_ / "a", folder_ / "b", folder_ / "c", folder_ / "d"}), "");
}

}  // namespace
}  // namespace heapwatch::exporters::dogstatsd
