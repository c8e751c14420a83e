#include "base/remembered.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/interned.h"

namespace heapwatch::base {
namespace {

struct Sized {
  std::string text;
  [[nodiscard]] std::uint64_t hash() const { return text.size(); }
  [[nodiscard]] std::size_t bytes() const { return text.size(); }
  bool operator==(const Sized&) const = default;
};

std::size_t bytes() {
  return remembered().bytes.load();
}

TEST(Remembered, CountsWhileSomethingIsHeld) {
  const std::size_t before = bytes();
  {
    Remembers one(100);
    Remembers other(std::move(one));
    EXPECT_EQ(bytes(), before + 100);
    other.set(40);
    EXPECT_EQ(bytes(), before + 40);
  }
  EXPECT_EQ(bytes(), before);
}

TEST(Remembered, AnInternedValueCountsOnceHoweverManyHoldIt) {
  const std::size_t before = bytes();
  {
    const Interned<Sized> one(Sized{std::string(5000, 'x')});
    const std::size_t held = bytes();
    EXPECT_GE(held, before + 5000);
    EXPECT_LT(held, before + 5300);
    const Interned<Sized> same(Sized{std::string(5000, 'x')});
    EXPECT_EQ(bytes(), held);
  }
  EXPECT_EQ(bytes(), before);
}

TEST(Remembered, IsEnoughAboveTheLimit) {
  const std::size_t limit = remembered().bytes_max.exchange(bytes() + 10);
  EXPECT_FALSE(remembers_enough());
  {
    const Remembers more(11);
    EXPECT_TRUE(remembers_enough());
  }
  EXPECT_FALSE(remembers_enough());
  remembered().bytes_max = limit;
}

TEST(Remembered, AModuleHandsOverWhatItCountedSoFar) {
  static RememberedBytes of_program;  // stays in use for the rest of this process
  const Remembers held(30);
  const std::size_t before = bytes();
  of_program.bytes = 7;
  share_remembered(of_program);
  EXPECT_EQ(bytes(), before + 7);
  const Remembers more(3);
  EXPECT_EQ(of_program.bytes.load(), before + 10);
}

}  // namespace
}  // namespace heapwatch::base
