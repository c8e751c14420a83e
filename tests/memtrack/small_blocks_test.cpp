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
    small::record(block(i), i % 16 + 1, i % 2, nullptr);
  }
  EXPECT_EQ(held(0) + held(1), 826U);
  for (std::size_t i = 0; i < 100; i += 2) {
    EXPECT_TRUE(small::forget(block(i)));
  }
  EXPECT_EQ(held(0), 0U);
  EXPECT_EQ(held(1), 438U);
  for (std::size_t i = 1; i < 100; i += 2) {
    EXPECT_TRUE(small::forget(block(i)));
  }
  EXPECT_EQ(held(1), 0U);
}

TEST_F(SmallBlocks, ABlockFromBeforeIsPassedOn) {
  EXPECT_FALSE(small::forget(block(0)));
  EXPECT_FALSE(small::forget(nullptr));
}

TEST_F(SmallBlocks, EachIsASampleAtIntervalOneUntilItIsFreedByWhateverThread) {
  small::record(block(0), 333, 0, nullptr);
  small::record(block(40), 333, 1, nullptr);
  EXPECT_EQ(sampled(333), 2U);
  std::thread([this] { small::forget(block(0)); }).join();
  EXPECT_EQ(sampled(333), 1U);
  EXPECT_EQ(held(0), 0U);
  small::forget(block(40));
  EXPECT_EQ(sampled(333), 0U);
}

TEST_F(SmallBlocks, AFailedMoveLeavesTheBlockAndItsSample) {
  small::record(block(0), 222, 0, nullptr);
  small::cancel_move(small::begin_move(block(0)));
  EXPECT_EQ(sampled(222), 1U);
  EXPECT_EQ(held(0), 222U);
  small::finish_move(small::begin_move(block(0)));
  EXPECT_EQ(sampled(222), 0U);
  EXPECT_EQ(held(0), 0U);
  EXPECT_FALSE(small::forget(block(0)));
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
