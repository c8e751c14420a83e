#include "base/interned.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/testing/allocated_bytes.h"

namespace heapwatch::base {
namespace {

struct Text {
  std::string text;
  [[nodiscard]] std::uint64_t hash() const { return text.size(); }  // so that many share a chain
  bool operator==(const Text&) const = default;
};

TEST(Interned, EqualValuesAreOneAndGoWithTheirLastHolder) {
  const Interned<Text> a(Text{"a value"});
  const Interned<Text> again(Text{"a value"});
  EXPECT_EQ(&*a, &*again);
  EXPECT_FALSE(a == Interned<Text>(Text{"another"}));
  const std::size_t before = tests::allocated_bytes();
  for (int round = 0; round < 3; ++round) {
    std::vector<Interned<Text>> many;
    for (int i = 0; i < 50; ++i) {
      many.emplace_back(Text{std::string(1000, 'x') + std::to_string(i)});
    }
    const std::vector<Interned<Text>> copies = many;
    many.clear();
    EXPECT_EQ(copies[7]->text, std::string(1000, 'x') + "7");
  }
  EXPECT_EQ(tests::allocated_bytes(), before);
}

TEST(Interned, IsFoundByAKeyAndMadeOnlyWhenItIsNew) {
  int made = 0;
  const auto find = [&] {
    return Interned<Text>::find_or_make(Text{"found by key"}, [&] {
      ++made;
      return Text{"found by key"};
    });
  };
  const auto first = find();
  EXPECT_EQ(first, find());
  EXPECT_EQ(made, 1);
}

TEST(Interned, AWatchKeepsTheAddressAndNotTheValue) {
  Interned<Text> held(Text{"watched"});
  const Interned<Text>::Watch watch(held);
  const Text* const address = &*held;
  EXPECT_TRUE(watch.is_held());
  held = Interned<Text>();
  EXPECT_FALSE(watch.is_held());
  const Interned<Text> again(Text{"watched"});
  EXPECT_NE(&*again, address);
  EXPECT_FALSE(watch.is_held());
}

TEST(Interned, ValuesMayBeHeldAndGivenBackByManyThreads) {
  std::atomic<int> wrong{0};
  const auto work = [&] {
    for (int i = 0; i < 4000; ++i) {
      const std::string text = "shared " + std::to_string(i % 5);
      Interned<Text> mine(Text{text});
      const Interned<Text> copy = mine;
      const Interned<Text>::Watch watch(copy);
      mine = Interned<Text>(Text{text});
      wrong += copy->text != text || !(mine == copy) || !watch.is_held() ? 1 : 0;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace heapwatch::base
