// Heaps that change all the time, and hold the same bytes: what is told is right, or torn.
#include <gmock/gmock.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "../programs/load_program.h"
#include "made_heap.h"
#include "memory/glibc/heaps.h"
#include "memory/readers.h"
#include "memory/survey.h"

namespace heapwatch::memory::glibc {
namespace {

using heapwatch::tests::Answer;
using heapwatch::tests::answer_of;
using heapwatch::tests::expect_right_or_torn;
using heapwatch::tests::LoadProgram;
using heapwatch::tests::looks_wanted;
using heapwatch::tests::MadeHeap;
using ::testing::HasSubstr;

class GlibcUnderLoad : public ::testing::TestWithParam<const char*> {};

TEST_P(GlibcUnderLoad, LiveBytesAreWithinOnePercentOrTornAndWithinTheirBound) {
  const LoadProgram program(GetParam(), "8");
  for (int look = 0; look < looks_wanted(); ++look) {
    const auto seen = survey(program.pid(), {});
    ASSERT_TRUE(seen) << seen.error().message;
    expect_right_or_torn(answer_of(*seen, "glibc"), program.held());
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GlibcUnderLoad,
                         ::testing::Values("random", "ring", "wave", "stack", "large", "hand",
                                           "slow"),
                         [](const auto& one) { return std::string(one.param); });

class GlibcNotTorn : public ::testing::TestWithParam<const char*> {};

TEST_P(GlibcNotTorn, LiveBytesAreWithinOnePercentAndNotCalledTorn) {
  const LoadProgram program(GetParam(), "8");
  int torn = 0;
  constexpr int looks = 4;
  for (int look = 0; look < looks; ++look) {
    const auto seen = survey(program.pid(), {});
    ASSERT_TRUE(seen) << seen.error().message;
    const Answer answer = answer_of(*seen, "glibc");
    torn += answer.is_torn ? 1 : 0;
    expect_right_or_torn({.live = answer.live}, program.held());
  }
  EXPECT_LE(torn, looks / 2);
}

INSTANTIATE_TEST_SUITE_P(Shapes, GlibcNotTorn, ::testing::Values("still"),
                         [](const auto& one) { return std::string(one.param); });

/// Bytes that change as often as somebody asks whether the process has run.
class Restless : public process::Memory {
 public:
  explicit Restless(std::vector<std::shared_ptr<const process::Memory>> moments)
      : moments_(std::move(moments)) {}
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    return now().read(address, out);
  }
  [[nodiscard]] std::size_t read_file(const process::Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return now().read_file(mapping, offset, out);
  }
  [[nodiscard]] std::optional<std::uint64_t> run_time() const override { return ++asked_; }

 private:
  [[nodiscard]] const process::Memory& now() const {
    return *moments_[std::min<std::size_t>(asked_ == 0 ? 0 : asked_ - 1, moments_.size() - 1)];
  }
  std::vector<std::shared_ptr<const process::Memory>> moments_;
  mutable std::uint64_t asked_ = 0;
};

/// Bytes that change once the first of them were read by a walk.
class ChangedUnderAWalk : public process::Memory {
 public:
  ChangedUnderAWalk(std::shared_ptr<const process::Memory> before,
                    std::shared_ptr<const process::Memory> after)
      : before_(std::move(before)), after_(std::move(after)) {}
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const process::Memory& now = is_changed_ ? *after_ : *before_;
    is_changed_ = is_changed_ || address == MadeHeap::heap + 8;  // the size of the first chunk
    return now.read(address, out);
  }
  [[nodiscard]] std::size_t read_file(const process::Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return before_->read_file(mapping, offset, out);
  }
  [[nodiscard]] bool is_changed() const { return is_changed_; }

 private:
  std::shared_ptr<const process::Memory> before_;
  std::shared_ptr<const process::Memory> after_;
  mutable bool is_changed_ = false;
};

/// Bytes that are others whenever the page of the arena was read.
class ChangedBesideTheArena : public process::Memory {
 public:
  ChangedBesideTheArena(std::shared_ptr<const process::Memory> one,
                        std::shared_ptr<const process::Memory> other)
      : moments_{std::move(one), std::move(other)} {}
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const process::Memory& now = *moments_[turns_ % 2];
    turns_ += address == (MadeHeap::bins & ~(process::page_bytes - 1)) ? 1 : 0;
    return now.read(address, out);
  }
  [[nodiscard]] std::size_t read_file(const process::Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return moments_[0]->read_file(mapping, offset, out);
  }
  [[nodiscard]] std::size_t turns() const { return turns_; }

 private:
  std::array<std::shared_ptr<const process::Memory>, 2> moments_;
  mutable std::size_t turns_ = 0;
};

/// Twelve chunks with one in use behind each; of them the ones with even numbers, or the others,
/// are free, each in a bin of its own.
MadeHeap heap_with_free(bool even) {
  constexpr std::uint64_t large = 0x1000;
  constexpr std::uint64_t small = 0x20;
  constexpr std::uint64_t count = 12;
  constexpr std::uint64_t first_bin = 40;
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t i = 0; i < count; ++i) {
    sizes.insert(sizes.end(), {large, small});
  }
  MadeHeap heap(0x20000, sizes);
  for (std::uint64_t i = even ? 0 : 1; i < count; i += 2) {
    const std::uint64_t bin = MadeHeap::bins + (first_bin + i / 2) * 16;
    const std::uint64_t free = MadeHeap::heap + i * (large + small);
    heap.process()
        .write(free + large + 8, small)
        .write(free + 16, bin - 16)
        .write(free + 24, bin - 16)
        .write(bin, free)
        .write(bin + 8, free);
  }
  return heap;
}

Picture picture_of_memory(MadeHeap& heap, std::shared_ptr<const process::Memory> memory) {
  const auto view = heap.process().view();
  return picture_of(std::make_shared<process::ProcessView>(
      view->facts(),
      std::vector<process::Mapping>(view->mappings().begin(), view->mappings().end()),
      view->residency(), std::vector<process::Thread>(), std::move(memory)));
}

/// One heap at several moments.
Picture picture_of_moments(std::vector<MadeHeap> heaps) {
  std::vector<std::shared_ptr<const process::Memory>> moments;
  for (MadeHeap& heap : heaps) {
    moments.push_back(heap.process().view()->memory());
  }
  return picture_of_memory(heaps.front(), std::make_shared<Restless>(std::move(moments)));
}

std::string torn_check(const Picture& picture) {
  for (const Check& check : picture.checks()) {
    if (check.reader == "glibc") {
      EXPECT_EQ(check.is_torn, !check.ok);
      return check.ok ? "" : check.note;
    }
  }
  return "no check";
}

constexpr std::uint64_t heap_bytes = 0x20000;

TEST(GlibcMoments, AHeapThatIsTheSameTwiceIsNotTornHoweverMuchTheProcessRan) {
  const std::vector<std::uint64_t> sizes{0x20, 0x40, 0x10000};
  const Picture picture = picture_of_moments({MadeHeap(heap_bytes, sizes)});
  EXPECT_EQ(torn_check(picture), "");
  EXPECT_TRUE(picture.allocators()[0].walked);
}

/// Each walk ends well, and none knows of the other moment.
TEST(GlibcMoments, ATopThatMovesUpAndDownIsTornByWhatItLeavesBehind) {
  const MadeHeap low(heap_bytes, {0x20, 0x40});
  const MadeHeap high(heap_bytes, {0x20, 0x40, 0x8000});
  const Picture picture = picture_of_moments({low, high, low});
  EXPECT_THAT(torn_check(picture),
              HasSubstr("torn: it changed while it was read, and may be off by 32760 bytes"));
  EXPECT_FALSE(picture.allocators()[0].walked);
  for (const Row& row : picture.rows()) {
    if (row.owner == "glibc") {
      EXPECT_EQ(row.torn_bytes, row.state == State::overhead ? 0U : 32760U) << row.detail;
    }
  }
}

TEST(GlibcMoments, ABlockThatTradesPlacesIsTornThoughTheSumIsTheSame) {
  const MadeHeap one(heap_bytes, {0x20, 0x2000, 0x1000});
  const MadeHeap other(heap_bytes, {0x20, 0x1000, 0x2000});
  const Picture picture = picture_of_moments({one, other, one});
  EXPECT_THAT(torn_check(picture), HasSubstr("may be off by 12272 bytes"));
}

TEST(GlibcMoments, WhatSettlesAtTheThirdWalkIsNotTorn) {
  const MadeHeap one(heap_bytes, {0x20, 0x2000, 0x1000});
  const MadeHeap other(heap_bytes, {0x20, 0x1000, 0x2000});
  EXPECT_EQ(torn_check(picture_of_moments({one, other, other})), "");
}

/// What was read first leads into the midst of what comes then.
TEST(GlibcMoments, AWalkThatIsLedAstrayComesAgainFromSomeChunksBefore) {
  MadeHeap before(heap_bytes, {0x20, 0x3000, 0x3000, 0x840});
  MadeHeap after(heap_bytes, {0x20, 0x3000, 0x1000, 0x2800, 0x20, 0x20});
  const auto memory = std::make_shared<ChangedUnderAWalk>(before.process().view()->memory(),
                                                          after.process().view()->memory());
  const Picture picture = picture_of_memory(before, memory);
  EXPECT_TRUE(memory->is_changed());
  EXPECT_EQ(torn_check(picture), "");
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_EQ(picture.glibc()->arenas[0].live_blocks(), 6U);
}

/// The bins that were read a moment ago lead to chunks that are in use by now.
TEST(GlibcMoments, AnArenaWhoseBinsChangeWhileTheyAreReadIsMadeOut) {
  MadeHeap one = heap_with_free(true);
  MadeHeap other = heap_with_free(false);
  const auto memory = std::make_shared<ChangedBesideTheArena>(one.process().view()->memory(),
                                                              other.process().view()->memory());
  const Picture picture = picture_of_memory(one, memory);
  EXPECT_GT(memory->turns(), 0U);
  EXPECT_EQ(torn_check(picture), "");
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_EQ(picture.glibc()->arenas[0].live_blocks(), 18U);
}

TEST(GlibcMoments, LessThanHalfAPercentIsNotCalledTorn) {
  const MadeHeap one(heap_bytes, {0x20, 0x10000});
  const MadeHeap other(heap_bytes, {0x20, 0x10000, 0x40});
  EXPECT_EQ(torn_check(picture_of_moments({one, other, one})), "");
}

}  // namespace
}  // namespace heapwatch::memory::glibc
