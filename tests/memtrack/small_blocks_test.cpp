#include "memtrack/small_blocks.h"

#include <gmock/gmock.h>

#include <array>
#include <string>
#include <thread>

#include "memtrack/interpreter.h"
#include "memtrack/memtrack.h"

namespace heapwatch::memtrack {
namespace {

/// An allocator's own pages, and its two domains.
class SmallBlocks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    constexpr const char* names[] = {"lisp.cells", "lisp.texts"};
    ASSERT_NE(interpreter::claim_components(names, std::size(names)), 0U);
  }

  void SetUp() override {
    before_ = {stats(0), stats(1)};
    memtrack_set_sample_interval(1);
  }
  void TearDown() override { memtrack_set_sample_interval(memtrack_sample_interval_default); }

  static memtrack_counters stats(unsigned kind) {
    return memtrack_component_stats(small::component_of_kind(kind));
  }
  [[nodiscard]] std::uint64_t held(unsigned kind) const {
    return stats(kind).inuse_bytes - before_.at(kind).inuse_bytes;
  }
  static void record(void* block, std::size_t size, unsigned kind) {
    EXPECT_EQ(small::record(block, size, kind, static_cast<const void*>(nullptr)), block);
  }
  static bool forget(const void* block, unsigned kind) {
    return small::forget(block, kind) || small::forget_slowly(block);
  }
  void* block(std::size_t number) { return pages_.data() + 16 * number; }

  /// What the profile says is held by blocks of the size.
  static std::uint64_t sampled(std::size_t size) {
    memtrack_profile* const profile = memtrack_profile_take();
    std::uint64_t blocks = 0;
    for (std::size_t i = 0; i < memtrack_profile_size(profile); ++i) {
      const memtrack_sample sample = memtrack_profile_at(profile, i);
      blocks += sample.size == size && sample.space == memtrack_space_python ? sample.inuse : 0;
    }
    memtrack_profile_release(profile);
    return blocks;
  }

 private:
  alignas(64) std::array<char, 4096> pages_{};
  std::array<memtrack_counters, 2> before_{};
};

TEST_F(SmallBlocks, NeighboursOfSixteenBytesAreToldApart) {
  for (std::size_t i = 0; i < 100; ++i) {
    record(block(i), i % 16 + 1, i % 2);
  }
  EXPECT_EQ(held(0) + held(1), 826U);
  for (std::size_t i = 0; i < 100; i += 2) {
    EXPECT_TRUE(forget(block(i), i % 2));
  }
  EXPECT_EQ(held(0), 0U);
  EXPECT_EQ(held(1), 438U);
  for (std::size_t i = 1; i < 100; i += 2) {
    EXPECT_TRUE(forget(block(i), i % 2));
  }
  EXPECT_EQ(held(1), 0U);
}

TEST_F(SmallBlocks, ABlockFromBeforeIsPassedOn) {
  EXPECT_FALSE(forget(block(0), 0));
  EXPECT_FALSE(forget(nullptr, 0));
}

TEST_F(SmallBlocks, EachIsASampleAtIntervalOneUntilItIsFreedByWhateverThread) {
  record(block(0), 333, 0);
  record(block(40), 333, 1);
  EXPECT_EQ(sampled(333), 2U);
  std::thread([this] { forget(block(0), 0); }).join();
  EXPECT_EQ(sampled(333), 1U);
  EXPECT_EQ(held(0), 0U);
  forget(block(40), 1);
  EXPECT_EQ(sampled(333), 0U);
}

TEST_F(SmallBlocks, AFailedMoveLeavesTheBlockAndItsSample) {
  record(block(0), 222, 0);
  small::cancel_move(small::begin_move(block(0)));
  EXPECT_EQ(sampled(222), 1U);
  EXPECT_EQ(held(0), 222U);
  small::finish_move(small::begin_move(block(0)));
  EXPECT_EQ(sampled(222), 0U);
  EXPECT_EQ(held(0), 0U);
  EXPECT_FALSE(forget(block(0), 0));
}

TEST_F(SmallBlocks, ThatAreNoSamplesGoTheShortWayAndAreCountedAlike) {
  memtrack_set_sample_interval(memtrack_sample_interval_max);
  record(block(0), 1, 1);  // a sample yet; the next is far away
  record(block(1), 1, 1);
  ASSERT_TRUE(forget(block(0), 1));
  ASSERT_TRUE(forget(block(1), 1));
  for (std::size_t size = 0; size <= 512; ++size) {
    record(block(size % 200), size, 1);
    EXPECT_EQ(held(1), size);
    EXPECT_EQ(small::place_of(block(size % 200), 1).size, size);
    EXPECT_GT(small::place_of(block(size % 200), 0).size, small::size_max);
    EXPECT_TRUE(small::forget(block(size % 200), 1));
  }
  EXPECT_EQ(held(1), 0U);
}

TEST_F(SmallBlocks, AreTakenOffByWhoeverFreesThemForTheDomainTheyCameFrom) {
  record(block(3), 77, 1);
  EXPECT_FALSE(small::forget(block(3), 0));
  EXPECT_TRUE(forget(block(3), 0));
  EXPECT_EQ(held(1), 0U);
  EXPECT_EQ(held(0), 0U);
}

TEST_F(SmallBlocks, AddressesThatNoBlockCanHaveAreNobodys) {
  record(block(5), 40, 0);
  EXPECT_FALSE(forget(static_cast<char*>(block(5)) + 1, 0));
  EXPECT_FALSE(forget(static_cast<char*>(block(5)) + 8, 0));
  // NOLINTNEXTLINE(performance-no-int-to-ptr): none of the program's
  EXPECT_FALSE(forget(reinterpret_cast<void*>(~std::uintptr_t{15}), 0));
  EXPECT_EQ(held(0), 40U);
  EXPECT_TRUE(forget(block(5), 0));
}

TEST_F(SmallBlocks, InRegionsFarApartAreFoundInTurn) {
  int on_the_stack = 0;
  auto* const far = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&on_the_stack) &
                                            ~std::uintptr_t{15});
  for (int i = 0; i < 3; ++i) {
    record(block(9), 33, 0);
    record(far, 44, 0);
    EXPECT_EQ(held(0), 77U);
    EXPECT_TRUE(forget(block(9), 0));
    EXPECT_TRUE(forget(far, 0));
    EXPECT_EQ(held(0), 0U);
  }
}

TEST_F(SmallBlocks, AMoveCountsAsAFreeAndAFailedOneAsNothing) {
  memtrack_set_sample_interval(memtrack_sample_interval_max);
  record(block(0), 1, 1);
  ASSERT_TRUE(forget(block(0), 1));
  record(block(0), 100, 1);
  EXPECT_EQ(small::move(small::place_of(block(0), 1), 1, [] { return nullptr; }), nullptr);
  EXPECT_EQ(held(1), 100U);
  void* const moved = small::move(small::place_of(block(0), 1), 1, [this] { return block(20); });
  EXPECT_EQ(moved, block(20));
  EXPECT_EQ(held(1), 0U);
  record(moved, 200, 1);
  EXPECT_FALSE(forget(block(0), 1));
  EXPECT_TRUE(forget(block(20), 1));
  EXPECT_EQ(held(1), 0U);
}

TEST_F(SmallBlocks, OfAThreadThatEndedCountForTheNextWithItsCounters) {
  std::thread([this] { record(block(11), 55, 0); }).join();
  std::thread([this] {
    record(block(12), 66, 0);
    EXPECT_TRUE(forget(block(11), 0));
  }).join();
  EXPECT_EQ(held(0), 66U);
  EXPECT_TRUE(forget(block(12), 0));
  EXPECT_EQ(held(0), 0U);
}

TEST_F(SmallBlocks, BlocksOfMallocCanBeOfTheInterpreterToo) {
  const memtrack_component cells = small::component_of_kind(0);
  const memtrack_component before = memtrack_scope_enter(cells);
  void* const big = _malloc(54321);
  void* const little = _malloc(54);
  memtrack_scope_leave(before);
  EXPECT_EQ(held(0), 54375U);
  EXPECT_EQ(sampled(54321), 1U);
  _free(big);
  _free(little);
  EXPECT_EQ(held(0), 0U);
}

TEST_F(SmallBlocks, ABlockIsPutDownToAnotherComponentWithItsSample) {
  void* const data = _malloc(65432);
  EXPECT_EQ(sampled(65432), 0U);
  EXPECT_TRUE(recharge(data, 0, small::component_of_kind(1)));
  EXPECT_FALSE(recharge(data, 0, small::component_of_kind(0)));
  EXPECT_EQ(held(1), 65432U);
  EXPECT_EQ(sampled(65432), 1U);
  _free(data);
  EXPECT_EQ(held(1), 0U);
  EXPECT_EQ(sampled(65432), 0U);
}

TEST(InterpreterFunctions, HaveANumberByTheirTexts) {
  const std::uint32_t keep = interpreter::function_id("orders.py", "keep", 7);
  EXPECT_NE(keep, 0U);
  EXPECT_EQ(interpreter::function_id("orders.py", "keep", 7), keep);
  EXPECT_NE(interpreter::function_id("orders.py", "keep", 8), keep);
  EXPECT_NE(interpreter::function_id("orders.p", "ykeep", 7), keep);
  const std::string longer(2 * Function::text_max, 'x');
  const std::uint32_t cut = interpreter::function_id("a/" + longer, "f", 1);
  EXPECT_EQ(interpreter::function_id("b/" + longer, "f", 1), cut);
}

TEST(InterpreterFrames, KeepFunctionLineAndEntryInAWord) {
  constexpr Frame frame = Frame::of(0xfffffffe, 0x7ffffffe, true);
  EXPECT_EQ(frame.function(), 0xfffffffeU);
  EXPECT_EQ(frame.line(), 0x7ffffffeU);
  EXPECT_TRUE(frame.is_entry());
  EXPECT_FALSE(Frame::of(1, 2, false).is_entry());
}

}  // namespace
}  // namespace heapwatch::memtrack
