#include "memory/process/find.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::memory::process {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string first_id = "0123456789ab" + std::string(52, 'c');
const std::string second_id = "0123456789ab" + std::string(52, 'd');

/// A /proc on file.
class FoundByName : public ::testing::Test {
 protected:
  FoundByName() {
    add(10, "nginx", "nginx: master process", "0::/system.slice/nginx.service\n");
    add(11, "nginx", "nginx: worker process", "0::/system.slice/nginx.service\n");
    add(20, "postgres", "postgres -D /data/nginx.service",
        "12:memory:/docker/" + first_id + "\n1:name=systemd:/docker/" + first_id + "\n");
    add(21, "java", "java -jar shop.jar",
        "0::/kubepods.slice/kubepods-burstable.slice/"
        "kubepods-burstable-pod0a1b2c3d_0000_1111_2222_333344445555.slice/cri-containerd-" +
            second_id + ".scope\n");
    add(22, "sh", "sh", "0::/machine.slice/libpod-" + std::string(64, 'e') + ".scope/container\n");
    add(30, "0123456789abc", "named like an id", "0::/\n");
    add(40, "idler", "idler", "0::/system.slice/batch.service\n");
  }
  FoundByName(const FoundByName&) = delete;
  FoundByName& operator=(const FoundByName&) = delete;

  void add(int pid, const std::string& command, std::string arguments, const std::string& groups) {
    const std::filesystem::path folder = proc / std::to_string(pid);
    std::filesystem::create_directory(folder);
    std::ofstream(folder / "statm") << "100 " << 1000 - pid << " 0 0 0 0 0\n";
    std::ofstream(folder / "comm") << command << '\n';
    std::replace(arguments.begin(), arguments.end(), ' ', '\0');
    std::ofstream(folder / "cmdline") << arguments << '\0';
    std::ofstream(folder / "cgroup") << groups;
  }
  [[nodiscard]] std::vector<int> pids(std::string_view target) const {
    const auto found = find_processes(target, proc.string());
    std::vector<int> pids;
    for (const Entry& entry : found ? *found : std::vector<Entry>{}) {
      pids.push_back(entry.pid);
    }
    return pids;
  }
  [[nodiscard]] std::string error(std::string_view target) const {
    const auto found = find_processes(target, proc.string());
    return found ? "found" : found.error().message;
  }

  heapwatch::tests::TemporaryFolder folder_of_proc;
  std::filesystem::path proc = folder_of_proc.path();
};

TEST_F(FoundByName, AUnitMeansItsProcesses) {
  EXPECT_THAT(pids("nginx.service"), ElementsAre(10, 11));
  EXPECT_THAT(pids("batch.service"), ElementsAre(40));
  EXPECT_THAT(pids("batch"), ElementsAre(40));
  EXPECT_THAT(pids("system.slice"), ElementsAre(10, 11, 40));
}

TEST_F(FoundByName, AContainerIsMeantByItsIdOrTwelveDigitsOfIt) {
  EXPECT_THAT(pids(first_id), ElementsAre(20));
  EXPECT_THAT(pids(second_id), ElementsAre(21));
  EXPECT_THAT(pids(second_id.substr(0, 13)), ElementsAre(21));
  EXPECT_THAT(pids(std::string(12, 'e')), ElementsAre(22));
}

TEST_F(FoundByName, AnIdOfDecimalDigitsIsNoPid) {
  add(50, "x", "x", "0::/docker/000000000040" + std::string(52, '7') + "\n");
  EXPECT_THAT(pids("000000000040"), ElementsAre(50));
}

TEST_F(FoundByName, ANameComesBeforeAContainerAndACommandLineAfterIt) {
  EXPECT_THAT(pids("0123456789abc"), ElementsAre(30));
  EXPECT_THAT(pids("nginx"), ElementsAre(10, 11));
  EXPECT_THAT(pids("shop.jar"), ElementsAre(21));
}

TEST_F(FoundByName, SeveralContainersAreAnErrorThatNamesThem) {
  EXPECT_EQ(error("0123456789ab"), "2 containers have an id that begins with 0123456789ab: " +
                                       first_id + ", " + second_id);
}

TEST_F(FoundByName, WhatIsNotThereIsSaid) {
  EXPECT_EQ(error("ngin.service"), "no process belongs to the unit \"ngin.service\"");
  EXPECT_EQ(error("ffffffffffff"),
            "no process is in a container \"ffffffffffff\" or has that in its command line");
  EXPECT_THAT(error("postgre"), ::testing::Eq("found"));
  EXPECT_THAT(error("postgers"), HasSubstr("no process is named \"postgers\" or has that in its "
                                           "command line; did you mean \"postgres\""));
  EXPECT_EQ(error("-5"), "there is no process -5");
  EXPECT_EQ(error("0"), "there is no process 0");
  EXPECT_EQ(error("99999999999"), "there is no process 99999999999");
  EXPECT_EQ(error(""), "a target is empty: it is a pid or a name");
}

TEST_F(FoundByName, WhereItListensOnTheLoopbackIsToldInItsOwnNetworkAlone) {
  const auto folder = proc / "10";
  for (const char* const name : {"10/ns", "10/net", "10/fd", "self/ns"}) {
    std::filesystem::create_directories(proc / name);
  }
  std::filesystem::create_symlink("net:[1]", proc / "self/ns/net");
  std::filesystem::create_symlink("net:[1]", folder / "ns/net");
  const std::string heading = "  sl  local_address rem_address   st\n";
  const auto line = [](const char* address, const char* state, int inode) {
    return std::string("   0: ") + address + " 00000000:0000 " + state +
           " 00000000:00000000 00:00000000 00000000 0 0 " + std::to_string(inode) + " 1\n";
  };
  std::ofstream(folder / "net/tcp") << heading << line("0100007F:17AC", "0A", 1)
                                    << line("0100007F:17AD", "01", 2)   // a connection
                                    << line("0100007F:17AE", "0A", 3)   // of another process
                                    << line("0200A8C0:17AF", "0A", 4)   // not on the loopback
                                    << line("00000000:17B0", "0A", 5);  // on every address
  std::ofstream(folder / "net/tcp6")
      << heading << line("00000000000000000000000001000000:17B1", "0A", 6)
      << line("00000000000000000000000000000000:17B0", "0A", 5);
  for (const int inode : {1, 2, 4, 5, 6}) {
    std::filesystem::create_symlink("socket:[" + std::to_string(inode) + "]",
                                    folder / "fd" / std::to_string(inode));
  }
  EXPECT_THAT(loopback_listeners(10, proc.string()),
              ElementsAre("127.0.0.1:6060", "127.0.0.1:6064", "[::1]:6065"));
  std::filesystem::remove(folder / "ns/net");
  std::filesystem::create_symlink("net:[2]", folder / "ns/net");
  EXPECT_THAT(loopback_listeners(10, proc.string()), ElementsAre());
}

}  // namespace
}  // namespace heapwatch::memory::process
