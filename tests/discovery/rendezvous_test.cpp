#include "discovery/rendezvous.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace heapwatch::discovery {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;

constexpr std::size_t keys = 100'000;

std::string key(std::size_t i) {
  return "http://10." + std::to_string(i / 65'536) + "." + std::to_string(i / 256 % 256) + "." +
         std::to_string(i % 256) + ":6060/debug/vars";
}

std::vector<std::string> members(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back(std::to_string(i));
  }
  return names;
}

std::size_t owner(const Rendezvous& table, const std::string& key) {
  std::size_t owner = 0;
  while (!table.has(owner, key, 1)) {
    ++owner;
  }
  return owner;
}

TEST(Rendezvous, EachKeyHasAsManyOwnersAsThereAreReplicas) {
  const Rendezvous table(members(7));
  for (std::size_t i = 0; i < 1000; ++i) {
    for (const std::size_t replicas : {1U, 2U, 3U, 7U, 9U}) {
      std::size_t owners = 0;
      for (std::size_t member = 0; member < 7; ++member) {
        owners += table.has(member, key(i), replicas) ? 1 : 0;
      }
      EXPECT_EQ(owners, std::min<std::size_t>(replicas, 7));
    }
  }
}

/// Of 100,000 keys over 10 members each has 10,000 with a standard deviation of 95.
TEST(Rendezvous, MembersHaveNearlyTheSameNumberOfKeys) {
  const Rendezvous table(members(10));
  std::vector<double> of_members(10);
  for (std::size_t i = 0; i < keys; ++i) {
    ++of_members[owner(table, key(i))];
  }
  EXPECT_THAT(of_members, Each(AllOf(Ge(9'500), Le(10'500))));
}

/// From 9 to 10: 10,000 of 100,000 keys move, all of them to the new one.
TEST(Rendezvous, AMemberThatComesTakesItsPartAndNothingElseMoves) {
  const Rendezvous nine(members(9));
  const Rendezvous ten(members(10));
  std::size_t moved = 0;
  std::size_t elsewhere = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    const std::size_t before = owner(nine, key(i));
    const std::size_t after = owner(ten, key(i));
    moved += before != after ? 1 : 0;
    elsewhere += before != after && after != 9 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(moved), keys / 10.0, 500);
  EXPECT_EQ(elsewhere, 0U);
}

/// The third of ten goes: its 10,000 keys go to the others in equal parts, the rest stays.
TEST(Rendezvous, WhatAMemberLeavesIsSharedByAllOthers) {
  std::vector<std::string> left = members(10);
  const Rendezvous ten(left);
  left.erase(left.begin() + 2);
  const Rendezvous nine(left);
  std::vector<double> took(9);
  for (std::size_t i = 0; i < keys; ++i) {
    const std::size_t before = owner(ten, key(i));
    const std::size_t after = owner(nine, key(i));
    if (before == 2) {
      ++took[after];
    } else {
      ASSERT_EQ(left[after], std::to_string(before));
    }
  }
  EXPECT_THAT(took, Each(AllOf(Ge(950), Le(1'280))));
}

/// Agents of all versions and machines have to agree.
TEST(Rendezvous, TheSameKeyIsTheSameMembersForEver) {
  const Rendezvous table(members(5));
  std::string owners;
  for (std::size_t i = 0; i < 20; ++i) {
    owners += std::to_string(owner(table, key(i)));
  }
  EXPECT_EQ(owners, "20114342224232422131");
}

}  // namespace
}  // namespace heapwatch::discovery
