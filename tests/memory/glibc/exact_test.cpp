// glibc walked from outside against what it says of itself.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <ostream>

#include "../programs/heap_program.h"
#include "memory/glibc/heaps.h"
#include "memory/process/live.h"
#include "memory/process/reading.h"
#include "memory/process/twin.h"
#include "memory/readers.h"

namespace heapwatch::memory::glibc {

void PrintTo(const Mallinfo& info, std::ostream* out) {
  *out << "arena " << info.arena << " ordblks " << info.ordblks << " smblks " << info.smblks
       << " hblks " << info.hblks << " hblkhd " << info.hblkhd << " fsmblks " << info.fsmblks
       << " uordblks " << info.uordblks << " fordblks " << info.fordblks << " keepcost "
       << info.keepcost;
}

namespace {

using heapwatch::tests::HeapProgram;

Mallinfo told_by(const HeapProgram& program) {
  return {.arena = program["arena"],
          .ordblks = program["ordblks"],
          .smblks = program["smblks"],
          .hblks = program["hblks"],
          .hblkhd = program["hblkhd"],
          .fsmblks = program["fsmblks"],
          .uordblks = program["uordblks"],
          .fordblks = program["fordblks"],
          .keepcost = program["keepcost"]};
}

std::uint64_t sum_of(const std::vector<Row>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Row& row) { return sum + row.bytes; });
}

/// Of arenas: threads share some, when there are more of them than eight to a core.
constexpr std::size_t any_number = 0;

/// The program's mallinfo2 and ours, and the rules that hold for every picture. With `pid` it is
/// another process that the program tells of.
void expect_exact(const HeapProgram& program, std::size_t arenas, int pid = 0) {
  pid = pid == 0 ? program.pid() : pid;
  const auto sighting = process::look_at(pid);
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  for (const Check& check : picture.checks()) {
    EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
  }
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_EQ(picture.glibc()->mallinfo(), told_by(program));
  if (arenas != any_number) {
    EXPECT_EQ(picture.glibc()->arenas.size(), arenas);
  }
  EXPECT_TRUE(picture.glibc()->mmapped_agree);
  EXPECT_EQ(sum_of(picture.rows()), sighting->view->residency().total());
  EXPECT_EQ(sum_of(picture.rows()), process::read_rollup(pid)->rss);
  EXPECT_LT(picture.unexplained_bytes(), 32U * 1024) << "of " << sum_of(picture.rows());
}

TEST(GlibcExact, OneThreadIsWalkedToTheByte) {
  expect_exact(HeapProgram({"heap", "0"}), 1);
}

TEST(GlibcExact, AThreadWithAnArenaOfItsOwnIsWalkedToTheByte) {
  expect_exact(HeapProgram({"heap", "1"}), 2);
}

TEST(GlibcExact, FourThreadsAreWalkedToTheByte) {
  expect_exact(HeapProgram({"heap", "4"}), 5);
}

TEST(GlibcExact, SixteenThreadsAreWalkedToTheByte) {
  const HeapProgram program({"heap", "16"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting);
  const Picture picture = picture_of(sighting->view);
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_EQ(picture.glibc()->mallinfo(), told_by(program));
}

TEST(GlibcExact, AStaticProgramIsWalkedToTheByte) {
  expect_exact(HeapProgram({"heap", "0"}, STATIC_HEAP_PROGRAM), 1);
  expect_exact(HeapProgram({"heap", "4"}, STATIC_HEAP_PROGRAM), 5);
}

TEST(GlibcExact, WhatOthersTakeByBrkIsNotGlibcs) {
  constexpr std::uint64_t taken = std::uint64_t{8} << 20;
  const HeapProgram program({"beside", "0"});
  expect_exact(program, 1);
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  std::uint64_t others = 0;
  for (const Row& row : picture_of(sighting->view).rows()) {
    others += row.owner == "brk heap" ? row.bytes : 0;
  }
  EXPECT_EQ(others, taken);
}

TEST(GlibcExact, AMainArenaThatCannotGrowByBrkIsWalkedToTheByte) {
  const HeapProgram program({"fenced", "2"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting);
  const Picture picture = picture_of(sighting->view);
  ASSERT_NE(picture.glibc(), nullptr);
  EXPECT_GT(picture.glibc()->arenas[0].pieces.size(), 1U) << "the way of brk was not blocked";
  expect_exact(program, 3);
}

TEST(GlibcExact, BlocksAreCountedBySize) {
  const HeapProgram program({"sizes", "3009", "3016"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting);
  const Picture picture = picture_of(sighting->view);
  ASSERT_EQ(picture.allocators().size(), 1U);
  const AllocatorReport& report = picture.allocators()[0];
  ASSERT_FALSE(report.sizes.empty());
  EXPECT_EQ(report.sizes[0], (SizeCount{3024, 3009}));
  EXPECT_TRUE(report.walked);
  EXPECT_EQ(report.version, "2.36") << "Debian 12's";
  std::uint64_t blocks = 0;
  for_each_block(*sighting->view, *picture.glibc(), [&](const Chunk&) { ++blocks; });
  EXPECT_EQ(blocks, report.blocks);
}

TEST(GlibcExact, WhatTrimGivesBackIsForetold) {
  const HeapProgram program({"heap", "4"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting);
  const std::uint64_t foretold = picture_of(sighting->view).allocators()[0].trim_bytes;
  const std::uint64_t before = process::read_rollup(program.pid())->rss;
  kill(program.pid(), SIGUSR1);  // it calls malloc_trim
  std::uint64_t after = before;
  for (int i = 0; i < 2000 && after == before; ++i) {
    usleep(1000);
    program.wait();
    after = process::read_rollup(program.pid())->rss;
  }
  EXPECT_GT(foretold, 1'000'000U);
  EXPECT_NEAR(static_cast<double>(before - after), static_cast<double>(foretold),
              static_cast<double>(foretold) / 50);
}

TEST(GlibcTwin, AHeapUnderLoadIsWalkedSaveForArenasInTheMidstOfAnOperation) {
  const HeapProgram program({"churn", "4"});
  std::size_t walked = 0;
  constexpr std::size_t looks = 8;
  for (std::size_t look = 0; look < looks; ++look) {
    const auto twin = process::look_at_twin(program.pid());
    ASSERT_TRUE(twin) << twin.error().message;
    const Picture picture = picture_of(twin->sighting.view);
    EXPECT_EQ(sum_of(picture.rows()), twin->sighting.view->residency().total());
    if (picture.glibc() != nullptr) {
      for (const Arena& arena : picture.glibc()->arenas) {
        walked += arena.broken.empty() ? 1 : 0;
      }
    }
  }
  EXPECT_GE(walked, looks * 5 * 3 / 4);
}

class GlibcLoad : public ::testing::TestWithParam<std::string> {};

TEST_P(GlibcLoad, ACopyMadeUnderIsWalkedToTheByte) {
  const HeapProgram program({"forked", GetParam()});
  const std::size_t threads = std::stoull(GetParam());
  expect_exact(program, threads <= 4 ? threads + 1 : any_number,
               static_cast<int>(program["child"]));
}

/// What the threads of a program hold, by their own count.
struct Held {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
};

Held held_by(const process::ProcessView& view, const HeapProgram& program, std::size_t threads) {
  Held held;
  process::Words words(view);
  for (std::size_t i = 0; i <= threads; ++i) {
    const std::uint64_t at = program["counted"] + i * 16;
    held.blocks += words.u64(at).value_or(0);
    held.bytes += words.u64(at + 8).value_or(0);
  }
  return held;
}

Held walked(const process::ProcessView& view, const Heaps& heaps) {
  Held held;
  for_each_block(view, heaps, [&](const Chunk& chunk) {
    ++held.blocks;
    held.bytes += chunk.size - 8;
  });
  return held;
}

bool is_ok(const Picture& picture) {
  return std::all_of(picture.checks().begin(), picture.checks().end(),
                     [](const Check& check) { return check.ok; });
}

/// What a thread has beside its blocks: the array of them, its cache, its thread-local variables;
/// and the block that it is about to count, or not to count any more.
constexpr std::uint64_t more_blocks = 5;
constexpr std::uint64_t more_bytes = 24'016 + 4096;
constexpr std::uint64_t block_bytes_max = 450'000;

TEST_P(GlibcLoad, TheTwinHoldsWhatTheProgramCountsButForTheOperationOfEachThread) {
  const HeapProgram program({"churn", GetParam()});
  const std::size_t threads = std::stoull(GetParam());
  std::size_t whole = 0;
  for (std::size_t look = 0; look < 12 && whole < 2; ++look) {
    const auto twin = process::look_at_twin(program.pid());
    ASSERT_TRUE(twin) << twin.error().message;
    const process::ProcessView& view = *twin->sighting.view;
    const Picture picture = picture_of(twin->sighting.view);
    if (!is_ok(picture)) {
      continue;  // a thread was inside of an operation, and its arena says so
    }
    ++whole;
    ASSERT_NE(picture.glibc(), nullptr);
    const Held held = held_by(view, program, threads);
    const Held seen = walked(view, *picture.glibc());
    EXPECT_GT(held.blocks, 1500 * threads);
    EXPECT_GE(seen.blocks + threads, held.blocks);
    EXPECT_LE(seen.blocks, held.blocks + more_blocks * (threads + 1));
    EXPECT_GE(seen.bytes + threads * block_bytes_max, held.bytes);
    EXPECT_LE(seen.bytes, held.bytes + (threads + 1) * (more_bytes + block_bytes_max));
  }
  EXPECT_GT(whole, 0U) << "no twin was walked whole";
}

INSTANTIATE_TEST_SUITE_P(Threads, GlibcLoad, ::testing::Values("1", "4", "16"),
                         [](const auto& one) { return "Of" + one.param; });

TEST(GlibcLive, AHeapUnderLoadAddsUpAndIsExactOrSaysThatItIsNot) {
  const HeapProgram program({"churn", "2"});
  for (int look = 0; look < 10; ++look) {
    const auto sighting = process::look_at(program.pid());
    ASSERT_TRUE(sighting) << sighting.error().message;
    const Picture picture = picture_of(sighting->view);
    EXPECT_EQ(sum_of(picture.rows()), sighting->view->residency().total());
    for (const Check& check : picture.checks()) {
      EXPECT_FALSE(check.note.empty());
    }
  }
}

/// Another's bytes, and how often somebody asked for them.
class Counted : public process::Memory {
 public:
  explicit Counted(std::shared_ptr<const process::Memory> memory) : memory_(std::move(memory)) {}
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    ++reads_;
    return memory_->read(address, out);
  }
  [[nodiscard]] std::size_t read_file(const process::Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override {
    return memory_->read_file(mapping, offset, out);
  }
  [[nodiscard]] std::size_t reads() const { return reads_; }

 private:
  std::shared_ptr<const process::Memory> memory_;
  mutable std::size_t reads_ = 0;
};

TEST(GlibcExact, ItsArenasAreFoundInFewReads) {
  const HeapProgram program({"heap", "0"});
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const process::ProcessView& seen = *sighting->view;
  const auto counted = std::make_shared<Counted>(seen.memory());
  const process::ProcessView view(seen.facts(), {seen.mappings().begin(), seen.mappings().end()},
                                  seen.residency(), {seen.threads().begin(), seen.threads().end()},
                                  counted);
  ASSERT_TRUE(find_layout(view));
  EXPECT_LT(counted->reads(), 300);
}

}  // namespace
}  // namespace heapwatch::memory::glibc
