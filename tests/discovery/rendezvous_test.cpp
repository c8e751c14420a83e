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

constexpr std::size_t hashed_keys = 30'000;

std::string hashed_key(std::size_t i) {
  return "http://10." + std::to_string(i / 65'536) + "." + std::to_string(i / 256 % 256) + "." +
         std::to_string(i % 256) + ":6060/debug/vars";
}

std::vector<std::string> numbered_members(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back(std::to_string(i));
  }
  return names;
}

std::size_t owner_of(const Rendezvous& table, const std::string& key) {
  std::size_t owner = 0;
  while (!table.has(owner, key, 1)) {
    ++owner;
  }
  return owner;
}

TEST(Rendezvous, EachKeyHasAsManyOwnersAsThereAreReplicas) {
  const Rendezvous table(numbered_members(7));
  for (std::size_t i = 0; i < 1000; ++i) {
    for (const std::size_t replicas : {1U, 2U, 3U, 7U, 9U}) {
      std::size_t owners = 0;
      for (std::size_t member = 0; member < 7; ++member) {
        owners += table.has(member, hashed_key(i), replicas) ? 1 : 0;
      }
      EXPECT_EQ(owners, std::min<std::size_t>(replicas, 7));
    }
  }
}

/// Of 30,000 keys over 10 members each has 3,000 with a standard deviation of 52.
TEST(Rendezvous, MembersHaveNearlyTheSameNumberOfKeys) {
  const Rendezvous table(numbered_members(10));
  std::vector<double> of_members(10);
  for (std::size_t i = 0; i < hashed_keys; ++i) {
    ++of_members[owner_of(table, hashed_key(i))];
  }
  EXPECT_THAT(of_members, Each(AllOf(Ge(2'740), Le(3'260))));
}

/// From 9 to 10: 3,000 of 30,000 keys move, all of them to the new one.
TEST(Rendezvous, AMemberThatComesTakesItsPartAndNothingElseMoves) {
  const Rendezvous nine(numbered_members(9));
  const Rendezvous ten(numbered_members(10));
  std::size_t moved = 0;
  std::size_t elsewhere = 0;
  for (std::size_t i = 0; i < hashed_keys; ++i) {
    const std::size_t before = owner_of(nine, hashed_key(i));
    const std::size_t after = owner_of(ten, hashed_key(i));
    moved += before != after ? 1 : 0;
    elsewhere += before != after && after != 9 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(moved), hashed_keys / 10.0, 260);
  EXPECT_EQ(elsewhere, 0U);
}

/// The third of ten goes: its 3,000 keys go to the others in equal parts, the rest stays.
TEST(Rendezvous, WhatAMemberLeavesIsSharedByAllOthers) {
  std::vector<std::string> left = numbered_members(10);
  const Rendezvous ten(left);
  left.erase(left.begin() + 2);
  const Rendezvous nine(left);
  std::vector<double> took(9);
  for (std::size_t i = 0; i < hashed_keys; ++i) {
    const std::size_t before = owner_of(ten, hashed_key(i));
    const std::size_t after = owner_of(nine, hashed_key(i));
    if (before == 2) {
      ++took[after];
    } else {
      ASSERT_EQ(left[after], std::to_string(before));
    }
  }
  EXPECT_THAT(took, Each(AllOf(Ge(240), Le(430))));
}

/// Agents of all versions and machines have to agree.
TEST(Rendezvous, TheSameKeyIsTheSameMembersForEver) {
  const Rendezvous table(numbered_members(5));
  std::string owners;
  for (std::size_t i = 0; i < 20; ++i) {
    owners += std::to_string(owner_of(table, hashed_key(i)));
  }
  EXPECT_EQ(owners, "20114342224232422131");
}

}  // namespace
}  // namespace heapwatch::discovery
