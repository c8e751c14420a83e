#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "base/file.h"
#include "discovery/selection.h"
#include "sources.h"
#include "tests/testing/subprocess.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::discovery {
namespace {

using heapwatch::tests::Subprocess;
using heapwatch::tests::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Programs that run under names of their own, below a folder that no other process names.
class ProcessSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Subprocess> start(const std::string& name) {
    const auto program = folder_.path() / name;
    std::filesystem::copy_file("/bin/sleep", program, std::filesystem::copy_options::skip_existing);
    auto process = std::make_unique<Subprocess>(std::vector<std::string>{program.string(), "300"});
    // It has its name once it has left what started it.
    const std::string comm = "/proc/" + std::to_string(process->pid()) + "/comm";
    for (int i = 0; i < 2000 && base::read_file(comm, 100).value_or("") != name + "\n"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return process;
  }
  Groups asked(const std::string& text) {
    auto read = read_source(read_process_source, text);
    EXPECT_THAT(read.messages, IsEmpty());
    const auto answer = read.source->ask({});
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(Answer{}).groups;
  }
  static std::vector<std::string> names(const Groups& groups) {
    std::vector<std::string> all;
    for (const Group& group : groups) {
      all.push_back(group.labels.at("__process_option__") + " " + group.addresses.front());
    }
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(ProcessSourceTest, ProcessesOfANameAreOneTargetThatGoesWithTheLast) {
  auto first = start("hw-one");
  auto second = start("hw-one");
  const auto other = start("hw-two");
  const std::string text =
      "{pattern: '" + folder_.path().string() + "/hw', by: process_name, refresh_interval: 1s}";
  EXPECT_THAT(names(asked(text)), ElementsAre("process_name hw-one", "process_name hw-two"));
  const Groups groups = asked(text);
  EXPECT_EQ(groups.front().labels.at("__meta_process_name"), "hw-one");
  first.reset();
  EXPECT_THAT(names(asked(text)), SizeIs(2));
  second.reset();
  EXPECT_THAT(names(asked(text)), ElementsAre("process_name hw-two"));
  EXPECT_THAT(names(asked("{process_name: hw-two, by: process_name}")),
              ElementsAre("process_name hw-two"));
  EXPECT_THAT(asked("{process_name: hw-three, by: process_name}"), IsEmpty()) << "is no failure";
}

TEST_F(ProcessSourceTest, WhatIsWrongIsTold) {
  const auto told = [](const std::string& text) {
    auto read = read_source(read_process_source, text);
    EXPECT_EQ(read.source, nullptr) << text;
    return read.messages.empty() ? std::string() : read.messages.front();
  };
  EXPECT_THAT(told("{}"), HasSubstr("a source of processes needs one of process_name, pattern, "
                                    "systemd_unit, cgroup, port, exec"));
  EXPECT_THAT(told("{process_name: a, pattern: b}"), HasSubstr("not both"));
  EXPECT_THAT(told("{pattern: '('}"), HasSubstr("regular expression"));
  EXPECT_THAT(told("{process_name: a, by: pid}"), HasSubstr("\"pid\""));
}

TEST(ProcessEndpoint, AnOptionOfTheCheckGetsTheAddress) {
  const auto made = process_endpoint_of({{"__address__", "nginx.service"},
                                         {"__process_option__", "systemd_unit"},
                                         {"__meta_process_name", "nginx"},
                                         {"team", "web"}});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->url, "nginx.service");
  EXPECT_EQ(made->option, "systemd_unit");
  EXPECT_THAT(made->tags, ElementsAre("team:web"));
  EXPECT_FALSE(
      process_endpoint_of({{"__address__", "/run/x.pid"}, {"__process_option__", "pid_file"}}));
  EXPECT_FALSE(process_endpoint_of({{"__process_option__", "cgroup"}}));
}

}  // namespace
}  // namespace heapwatch::discovery
