#include "discovery/sharing.h"

#include <gmock/gmock.h>

#include <cstdlib>

namespace heapwatch::discovery {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Time = std::chrono::steady_clock::time_point;

constexpr std::size_t shared_targets = 2000;

/// Is as it was when the test is over.
class EnvironmentVariable {
 public:
  EnvironmentVariable(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) {
      before_ = before;
    }
    setenv(name, value, 1);
  }
  EnvironmentVariable(const EnvironmentVariable&) = delete;
  EnvironmentVariable& operator=(const EnvironmentVariable&) = delete;
  ~EnvironmentVariable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

std::string shared_url(std::size_t i) {
  return "http://target-" + std::to_string(i) + ":6060/debug/vars";
}

SourceList list_of_members(const std::vector<std::string>& members) {
  static const SourceOptions options;
  return {.options = &options,
          .groups = std::make_shared<const Groups>(Groups{{.addresses = members, .labels = {}}})};
}

/// An agent of a fleet, which is told of its members by DNS.
struct SharingAgent {
  explicit SharingAgent(const std::string& name, std::size_t replicas = 1)
      : sharing(
            {.index = 0, .count = 0, .self = name, .replicas = replicas, .hand_over = seconds(45)},
            {}) {}
  void told(const std::vector<std::string>& members, Time now) {
    const std::vector<SourceList> lists{list_of_members(members)};
    sharing.update(lists, now);
  }
  [[nodiscard]] bool has(std::size_t i) const { return sharing.is_own(shared_url(i)); }
  [[nodiscard]] std::size_t count() const {
    std::size_t own = 0;
    for (std::size_t i = 0; i < shared_targets; ++i) {
      own += has(i) ? 1 : 0;
    }
    return own;
  }
  Sharing sharing;
};

const std::vector<std::string> two_members{"10.0.0.1:5000", "10.0.0.2:5000"};
const std::vector<std::string> three_members{"10.0.0.1:5000", "10.0.0.2:5000", "10.0.0.3:5000"};

TEST(Sharing, OfAFixedNumberOfAgentsEachTargetHasOne) {
  std::vector<Sharing> agents;
  for (std::size_t i = 0; i < 5; ++i) {
    agents.emplace_back(
        ShardOptions{.index = i, .count = 5, .self = "", .replicas = 1, .hand_over = {}},
        std::vector<std::string>{});
  }
  for (std::size_t i = 0; i < shared_targets; ++i) {
    EXPECT_EQ(std::count_if(agents.begin(), agents.end(),
                            [&](const Sharing& one) { return one.is_own(shared_url(i)); }),
              1);
  }
  EXPECT_EQ(agents[1].shown(), "member 2 of 5");
}

TEST(Sharing, AnAgentThatComesTakesNothingBeforeTheOthersKnowOfIt) {
  const Time begin;
  SharingAgent first("10.0.0.1");
  SharingAgent second("10.0.0.2");
  first.told(two_members, begin);
  second.told(two_members, begin);
  EXPECT_EQ(first.count(), 0U) << "what others do is not known yet";
  const Time known = begin + seconds(45);
  first.told(two_members, known);
  second.told(two_members, known);
  EXPECT_EQ(first.count() + second.count(), shared_targets);
  // The third learns of itself first, the others half a minute later, one after the other.
  SharingAgent third("10.0.0.3");
  const auto watched_twice = [&] {
    std::size_t twice = 0;
    for (std::size_t i = 0; i < shared_targets; ++i) {
      twice += int{first.has(i)} + int{second.has(i)} + int{third.has(i)} > 1 ? 1 : 0;
    }
    return twice;
  };
  const Time came = known + seconds(100);
  third.told(three_members, came);
  EXPECT_EQ(third.count(), 0U);
  EXPECT_EQ(watched_twice(), 0U);
  first.told(three_members, came + seconds(20));
  EXPECT_EQ(watched_twice(), 0U);
  second.told(three_members, came + seconds(40));
  EXPECT_EQ(watched_twice(), 0U);
  EXPECT_EQ(third.sharing.settles(), came + seconds(45));
  third.told(three_members, came + seconds(45));
  EXPECT_EQ(watched_twice(), 0U);
  EXPECT_EQ(first.count() + second.count() + third.count(), shared_targets);
  EXPECT_NEAR(static_cast<double>(third.count()), shared_targets / 3.0, 100);
  EXPECT_EQ(third.sharing.settles(), std::nullopt);
  EXPECT_EQ(third.sharing.shown(), "member 3 of 3, 10.0.0.3:5000");
}

TEST(Sharing, WhatAnAgentLeavesIsTakenAfterTheHandOver) {
  const Time begin;
  SharingAgent first("10.0.0.1");
  first.told(three_members, begin);
  first.told(three_members, begin + seconds(45));
  const std::size_t before = first.count();
  EXPECT_NEAR(static_cast<double>(before), shared_targets / 3.0, 100);
  first.told(two_members, begin + seconds(50));
  EXPECT_EQ(first.count(), before) << "what it has stays its own";
  first.told(two_members, begin + seconds(95));
  EXPECT_NEAR(static_cast<double>(first.count()), shared_targets / 2.0, 100);
}

TEST(Sharing, AChangeThatIsTakenBackIsAsIfItHadNotBeen) {
  const Time begin;
  SharingAgent first("10.0.0.1");
  first.told(three_members, begin);
  first.told(three_members, begin + seconds(45));
  const std::size_t before = first.count();
  first.told(two_members, begin + seconds(50));
  first.told(three_members, begin + seconds(60));
  EXPECT_EQ(first.count(), before);
  first.told(three_members, begin + seconds(200));
  EXPECT_EQ(first.count(), before);
}

TEST(Sharing, AfterARestartItGoesOnAtOnceWithTheMembersOfBefore) {
  SharingAgent first("10.0.0.1");
  SourceList same = list_of_members(two_members);
  same.kept = same.groups;
  first.sharing.update({&same, 1}, Time{});
  EXPECT_NEAR(static_cast<double>(first.count()), shared_targets / 2.0, 100);
}

TEST(Sharing, ReplicasAreWatchedByAsManyAgents) {
  const Time begin;
  std::vector<SharingAgent> agents;
  for (const char* const name : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) {
    agents.emplace_back(name, 2);
    agents.back().told(three_members, begin);
    agents.back().told(three_members, begin + seconds(45));
  }
  for (std::size_t i = 0; i < shared_targets; ++i) {
    EXPECT_EQ(std::count_if(agents.begin(), agents.end(),
                            [&](const SharingAgent& one) { return one.has(i); }),
              2);
  }
}

TEST(Sharing, NothingIsWatchedByWhoIsNoMemberOrDoesNotKnowThem) {
  SharingAgent stranger("10.0.0.9");
  EXPECT_EQ(stranger.count(), 0U);
  EXPECT_EQ(stranger.sharing.shown(), "members are not known yet, so nothing is watched");
  stranger.told(three_members, Time{});
  stranger.told(three_members, Time{} + seconds(100));
  EXPECT_EQ(stranger.count(), 0U);
  EXPECT_EQ(stranger.sharing.shown(),
            "of 3 members none, or more than one, is this agent (self), so nothing is watched");
}

TEST(Sharing, AMemberIsThisMachineByNameOrAddressOrBySelf) {
  const auto self = [](const std::string& name, const std::vector<std::string>& members) {
    Sharing sharing({.index = 0, .count = 0, .self = name, .replicas = 1, .hand_over = {}},
                    {"node-7", "10.0.0.7", "fd00::7"});
    const SourceList one = list_of_members(members);
    sharing.update({&one, 1}, Time{});
    const std::string shown = sharing.shown();
    return shown.starts_with("member ") ? shown.substr(0, shown.find(',')) : shown;
  };
  EXPECT_EQ(self("", {"10.0.0.6:1", "10.0.0.7:1"}), "member 2 of 2");
  EXPECT_EQ(self("", {"Node-7:1", "node-8"}), "member 1 of 2");
  EXPECT_EQ(self("", {"[fd00::6]:1", "[fd00::7]:1"}), "member 2 of 2");
  EXPECT_EQ(self("node-8", {"node-7", "node-8"}), "member 2 of 2");
  EXPECT_EQ(self("10.0.0.7:2", {"10.0.0.7:1", "10.0.0.7:2"}), "member 2 of 2");
  EXPECT_THAT(self("", {"10.0.0.7:1", "10.0.0.7:2"}), HasSubstr("more than one"));
}

TEST(NumberOfPod, IsWhatComesBehindTheLastDash) {
  EXPECT_EQ(number_of_pod("heapwatch-2"), 2U);
  EXPECT_EQ(number_of_pod("a-1-30"), 30U);
  for (const char* const none :
       {"", "heapwatch", "7", "heapwatch-", "heapwatch-x1", "h-1x", "h-99999999999999999999"}) {
    EXPECT_EQ(number_of_pod(none), std::nullopt) << none;
  }
}

class ShardTest : public ::testing::Test {
 protected:
  ShardOptions read(const std::string& text, bool has_members = false) {
    config::Diagnostics diagnostics;
    const config::Value value = config::parse_yaml(text, "f.yaml", diagnostics);
    config::Section section(value, "f.yaml", diagnostics, "shard");
    const ShardOptions options = read_shard(section, has_members);
    section.finish();
    messages_.clear();
    for (const config::Diagnostic& one : diagnostics.all()) {
      messages_.push_back(one.message);
    }
    return options;
  }
  std::vector<std::string> messages_;
};

TEST_F(ShardTest, TheIndexComesFromTheNameOfThePod) {
  const EnvironmentVariable pod("POD_NAME", "heapwatch-3");
  const ShardOptions options = read("{count: 5, replicas: 2}");
  EXPECT_THAT(messages_, ElementsAre());
  EXPECT_EQ(options.index, 3U);
  EXPECT_EQ(options.count, 5U);
  EXPECT_EQ(options.replicas, 2U);
  EXPECT_EQ(read("{count: 5, index: 0}").index, 0U);
  EXPECT_EQ(read("{hand_over: 2m}", true).hand_over, std::chrono::minutes(2));
}

TEST_F(ShardTest, WhatIsWrongIsTold) {
  const EnvironmentVariable pod("POD_NAME", "heapwatch-3");
  (void)read("{}");
  EXPECT_THAT(messages_,
              ElementsAre("discover -> shard needs either count, the number of agents, or members, "
                          "the sources that name them"));
  (void)read("{count: 3}");
  EXPECT_THAT(messages_, ElementsAre("shard -> index must be below count, and 3 is not below 3"));
  (void)read("{count: 3, index: 3}");
  EXPECT_THAT(messages_, ElementsAre("shard -> index must be below count, and 3 is not below 3"));
  (void)read("{index: 1}", true);
  EXPECT_THAT(messages_, ElementsAre("shard -> index goes with count; members have self"));
  (void)read("{count: 2}", true);
  EXPECT_THAT(messages_, ElementsAre(HasSubstr("either count")));
  const EnvironmentVariable other("POD_NAME", "heapwatch-x9f2k");
  (void)read("{count: 3}");
  EXPECT_THAT(messages_, ElementsAre(HasSubstr("\"heapwatch-x9f2k\"")));
}

}  // namespace
}  // namespace heapwatch::discovery
