#include "agent/wiring/reload.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/temporary_folder.h"

namespace heapwatch::agent::wiring {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* file_a = "conf.d/go_expvar.d/a.yaml";
constexpr const char* file_b = "conf.d/go_expvar.d/b.yaml";

std::string watching(const std::vector<std::string>& ports, const std::string& more = {}) {
  std::string text = "init_config:\ninstances:\n";
  for (const std::string& port : ports) {
    text += "- expvar_url: http://localhost:" + port + "/debug/vars\n" + more;
  }
  return text;
}

/// A configuration that runs, and its files, which a test changes.
class PlanReload : public ::testing::Test {
 protected:
  void start() {
    write_agent("");
    configured_ = load(options(), WhenWrong::stop);
    ASSERT_FALSE(configured_.diagnostics.has_errors());
    in_force_.agent = configured_.agent;
    in_force_.started = std::make_shared<const config::Value>(configured_.agent.settings);
    in_force_.checks = configured_.confd.checks;
    for (const auto& check : configured_.checks) {
      running_[check->instance->id] = {.instance = check->instance,
                                       .fingerprint = check->fingerprint};
    }
  }
  void write_agent(const std::string& text) {
    folder_.write("heapwatch.yaml", "confd_path: " + (folder_ / "conf.d").string() + "\n" + text);
  }
  [[nodiscard]] Reload plan() const { return plan_reload(options(), in_force_, running_); }
  [[nodiscard]] GlobalOptions options() const {
    return {.config_file = (folder_ / "heapwatch.yaml").string(), .confd = {}, .log_level = "off"};
  }
  [[nodiscard]] static std::vector<std::string> targets(const Reload& reload) {
    std::vector<std::string> targets;
    for (const auto& check : reload.start) {
      targets.push_back(check->instance->target);
    }
    return targets;
  }
  [[nodiscard]] std::vector<std::string> stopped(const Reload& reload) const {
    std::vector<std::string> targets;
    for (const std::string& id : reload.stop) {
      targets.push_back(running_.at(id).instance->target);
    }
    return targets;
  }

  heapwatch::tests::TemporaryFolder folder_;
  Configured configured_;
  InForce in_force_;
  RunningInstances running_;
};

TEST_F(PlanReload, HasNothingToDoWhenNothingChanged) {
  folder_.write(file_a, watching({"1", "2"}));
  start();
  const Reload reload = plan();
  EXPECT_TRUE(reload.changes_nothing());
  EXPECT_EQ(reload.unchanged, 2U);
  EXPECT_THAT(reload.told, IsEmpty());
}

TEST_F(PlanReload, StartsWhatIsNewAndStopsWhatIsGone) {
  folder_.write(file_a, watching({"1", "2"}));
  start();
  folder_.write(file_a, watching({"2", "3"}));
  const Reload reload = plan();
  EXPECT_THAT(targets(reload), ElementsAre("http://localhost:3/debug/vars"));
  EXPECT_THAT(stopped(reload), ElementsAre("http://localhost:1/debug/vars"));
  EXPECT_EQ(reload.unchanged, 1U);
  EXPECT_THAT(reload.told, ElementsAre(::testing::StartsWith("added go_expvar"),
                                       ::testing::StartsWith("removed ")));
}

TEST_F(PlanReload, TellsAChangeWhereTheTargetIsTheSame) {
  folder_.write(file_a, watching({"1"}));
  start();
  folder_.write(file_a, watching({"1"}, "  tags: [a:b]\n"));
  const Reload reload = plan();
  EXPECT_EQ(targets(reload), stopped(reload));
  EXPECT_THAT(reload.told, ElementsAre(::testing::StartsWith("changed go_expvar")));
}

TEST_F(PlanReload, KeepsAllThatAFileSaidBeforeItsError) {
  folder_.write(file_a, watching({"1", "2"}));
  folder_.write(file_b, watching({"3"}));
  start();
  for (const std::string& wrong :
       {watching({"1"}, "  metrics: 3\n"), std::string("instances: [")}) {
    folder_.write(file_a, wrong);
    folder_.write(file_b, watching({"4"}));
    const Reload reload = plan();
    EXPECT_TRUE(reload.diagnostics.has_errors());
    EXPECT_THAT(targets(reload), ElementsAre("http://localhost:4/debug/vars"));
    EXPECT_THAT(stopped(reload), ElementsAre("http://localhost:3/debug/vars"));
    EXPECT_EQ(reload.unchanged, 2U);
    EXPECT_THAT(
        reload.told,
        ::testing::Contains(HasSubstr("a.yaml has an error: its 2 instances from before stay")));
    EXPECT_EQ(reload.in_force.checks.size(), 2U);
  }
}

TEST_F(PlanReload, KeepsTheAgentsOptionsWhenTheirFileHasAnError) {
  folder_.write(file_a, watching({"1"}));
  start();
  write_agent("check_runners: many\n");
  const Reload reload = plan();
  EXPECT_TRUE(reload.diagnostics.has_errors());
  EXPECT_TRUE(reload.changes_nothing());
  EXPECT_THAT(reload.told,
              ElementsAre("heapwatch.yaml has an error: what it said before stays in force"));
}

TEST_F(PlanReload, NamesTheOptionsThatTakeARestartUntilTheyAreAsAtTheStart) {
  folder_.write(file_a, watching({"1"}));
  start();
  write_agent("check_runners: 3\nexpvar_port: 5001\nlog_level: off\n");
  Reload reload = plan();
  EXPECT_TRUE(reload.changes_nothing());
  EXPECT_THAT(
      reload.told,
      ElementsAre(
          "a restart is needed for what changed in heapwatch.yaml: check_runners, expvar_port"));
  in_force_ = std::move(reload.in_force);
  write_agent("");
  EXPECT_THAT(plan().told, IsEmpty());
}

TEST_F(PlanReload, BeginsAllAnewWhenAnOptionOfAllInstancesChanged) {
  folder_.write(file_a, watching({"1", "2"}));
  start();
  write_agent("min_collection_interval: 5\n");
  const Reload reload = plan();
  EXPECT_EQ(reload.start.size(), 2U);
  EXPECT_EQ(reload.unchanged, 0U);
}

TEST_F(PlanReload, NamesTwentyOfManyAndCountsTheRest) {
  folder_.write(file_a, watching({"1"}));
  start();
  std::vector<std::string> ports;
  for (int port = 1; port <= 26; ++port) {
    ports.push_back(std::to_string(port));
  }
  folder_.write(file_a, watching(ports));
  const Reload reload = plan();
  EXPECT_EQ(reload.start.size(), 25U);
  ASSERT_EQ(reload.told.size(), 21U);
  EXPECT_EQ(reload.told.back(), "added 5 more");
}

}  // namespace
}  // namespace heapwatch::agent::wiring
