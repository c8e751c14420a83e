#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "sources.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::discovery {
namespace {

using heapwatch::tests::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
namespace fs = std::filesystem;

class FileSourceTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.path() / name, std::ios::trunc) << text;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::unique_ptr<Source> source(const std::string& files,
                                               const std::string& more = "") const {
    auto read = read_source(read_file_source, "files: [" + files + "]\n" + more,
                            (folder_.path() / "conf.yaml").string());
    EXPECT_THAT(read.messages, IsEmpty());
    return std::move(read.source);
  }
  static std::vector<std::string> addresses(const Groups& groups) {
    std::vector<std::string> all;
    for (const Group& group : groups) {
      all.insert(all.end(), group.addresses.begin(), group.addresses.end());
    }
    return all;
  }
  static Answer ask(Source& source, const Groups& known = {}) {
    auto made = source.ask(known);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? *std::move(made) : Answer{};
  }

  TemporaryFolder folder_;
};

TEST_F(FileSourceTest, FilesBesideTheConfigurationAreFoundByAStar) {
  write("a.json", R"([{"targets": ["a:1"], "labels": {"x": "y"}}])");
  write("b.yml", "- targets: [b:2]\n");
  write("c.yaml", "- targets: [c:3]\n");
  write("d.JSON", R"([{"targets": ["d:4"]}])");
  const auto made = source("'*.json', b.yml, '" + path("*.yaml") + "', d.JSON");
  const Answer seen = ask(*made);
  EXPECT_THAT(seen.troubles, IsEmpty());
  EXPECT_THAT(addresses(seen.groups), ElementsAre("a:1", "b:2", "c:3", "d:4"));
  EXPECT_THAT(seen.groups.front().labels,
              ElementsAre(Pair("__meta_filepath", path("a.json")), Pair("x", "y")));
}

TEST_F(FileSourceTest, ABrokenFileKeepsItsTargetsAndTheOthersGoOn) {
  write("a.json", R"([{"targets": ["a:1"]}])");
  write("b.json", R"([{"targets": ["b:1"]}])");
  const auto made = source("'*.json'");
  Answer seen = ask(*made);
  write("a.json", R"([{"targets": ["a:2")");
  write("b.json", R"([{"targets": ["b:2"]}])");
  seen = ask(*made, seen.groups);
  EXPECT_THAT(addresses(seen.groups), ElementsAre("a:1", "b:2"));
  EXPECT_THAT(seen.troubles, ElementsAre(HasSubstr(path("a.json") + ": no JSON at byte ")));
  seen = ask(*made, seen.groups);
  EXPECT_THAT(addresses(seen.groups), ElementsAre("a:1", "b:2"));
  EXPECT_EQ(seen.troubles.size(), 1U);
  write("a.json", R"([{"targets": ["a:33"]}])");
  seen = ask(*made, seen.groups);
  EXPECT_THAT(addresses(seen.groups), ElementsAre("a:33", "b:2"));
  EXPECT_THAT(seen.troubles, IsEmpty());
}

TEST_F(FileSourceTest, WhatWasKnownBeforeARestartHoldsForAFileThatIsBroken) {
  write("a.json", "{");
  write("b.json", "[]");
  const auto made = source("'*.json'");
  const Groups known{{.addresses = {"a:1"}, .labels = {{"__meta_filepath", path("a.json")}}},
                     {.addresses = {"b:1"}, .labels = {{"__meta_filepath", path("b.json")}}},
                     {.addresses = {"c:1"}, .labels = {}}};
  EXPECT_THAT(addresses(ask(*made, known).groups), ElementsAre("a:1"));
}

TEST_F(FileSourceTest, WhatIsNoRegularFileIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(path("a.json").c_str(), 0600), 0);
  fs::create_directory(path("b.json"));
  const auto made = source("'*.json'");
  EXPECT_THAT(ask(*made).troubles, ElementsAre(path("a.json") + ": is no regular file",
                                               path("b.json") + ": is no regular file"));
}

TEST_F(FileSourceTest, AFileThatIsRemovedTakesItsTargetsAlong) {
  write("a.json", R"([{"targets": ["a:1"]}])");
  const auto made = source("'*.json'");
  const Answer seen = ask(*made);
  fs::remove(path("a.json"));
  EXPECT_THAT(ask(*made, seen.groups).groups, IsEmpty());
}

TEST_F(FileSourceTest, AFolderThatCannotBeReadKeepsItsTargets) {
  fs::create_directory(folder_.path() / "d");
  write("d/a.json", R"([{"targets": ["a:1"]}])");
  const auto made = source("d/a.json");
  const Answer seen = ask(*made);
  fs::rename(folder_.path() / "d", folder_.path() / "away");
  Answer later = ask(*made, seen.groups);
  EXPECT_THAT(addresses(later.groups), ElementsAre("a:1"));
  EXPECT_THAT(later.troubles, ElementsAre(path("d") + ": No such file or directory"));
  fs::rename(folder_.path() / "away", folder_.path() / "d");
  later = ask(*made, later.groups);
  EXPECT_THAT(later.troubles, IsEmpty());
  EXPECT_THAT(addresses(later.groups), ElementsAre("a:1"));
}

TEST_F(FileSourceTest, AChangeCountsWhenTheFilesHaveBeenLeftAlone) {
  write("a.json", "[]");
  const auto made = source("'*.json'");
  (void)ask(*made);
  EXPECT_FALSE(made->has_changed());
  write("a.json", "[ ]");
  EXPECT_FALSE(made->has_changed()) << "it was written a moment ago";
  EXPECT_TRUE(made->has_changed());
  (void)ask(*made);
  EXPECT_FALSE(made->has_changed());
  write("b.json", "[]");
  EXPECT_FALSE(made->has_changed());
  EXPECT_TRUE(made->has_changed()) << "a new file";
}

TEST_F(FileSourceTest, MoreTargetsThanTheLimitAreAnErrorOfAll) {
  write("a.json", R"([{"targets": ["a:1", "a:2"]}])");
  write("b.json", R"([{"targets": ["b:1"]}])");
  const auto made = source("'*.json'", "max_targets: 2\n");
  EXPECT_EQ(made->ask({}).error().message, "3 targets, and the limit of max_targets is 2");
}

TEST_F(FileSourceTest, PathsAreOfTheFormThatPrometheusTakes) {
  for (const char* const pattern :
       {"a.txt", "'*'", "'*/a.json'", "'a*b*.json'", "a.json.bak", "a.Json"}) {
    const auto read = read_source(read_file_source, "files: [" + std::string(pattern) + "]\n");
    EXPECT_EQ(read.source, nullptr) << pattern;
    EXPECT_THAT(read.messages,
                ElementsAre(HasSubstr("must end in .json, .yml or .yaml, with a \"*\" at most, in "
                                      "its last part")));
  }
  EXPECT_THAT(read_source(read_file_source, "file: [a.json]\n").messages,
              UnorderedElementsAre("sd -> files must be a list of 1 to 100 paths",
                                   HasSubstr("unknown key \"file\"")));
  EXPECT_THAT(
      read_source(read_file_source, "files: [a.json]\nrefresh_interval: 10ms\n").messages,
      ElementsAre("sd -> refresh_interval must be a duration from 1s to 1d, such as 30s or 1m30s, "
                  "not \"10ms\""));
}

TEST_F(FileSourceTest, AFolderThatEverybodyMayWriteToIsToldOf) {
  fs::create_directory(folder_.path() / "open");
  fs::permissions(folder_.path() / "open", fs::perms::others_write, fs::perm_options::add);
  const auto read = read_source(read_file_source, "files: [open/a.json]\n", path("conf.yaml"));
  EXPECT_NE(read.source, nullptr);
  EXPECT_THAT(read.messages, ElementsAre(HasSubstr("may be written by everybody")));
}

}  // namespace
}  // namespace heapwatch::discovery
