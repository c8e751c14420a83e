#include "memory/jemalloc/jemalloc.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "../../testing/subprocess.h"
#include "../programs/load_program.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::jemalloc {
namespace {

using heapwatch::tests::Subprocess;

class JemallocProgram {
 public:
  /// "4", or "4 linked".
  explicit JemallocProgram(const std::string& threads) : process_(command(threads)) {
    for (std::string line = process_.read_line(); line != "ready"; line = process_.read_line()) {
      const std::size_t blank = line.find(' ');
      values_[line.substr(0, blank)] = std::stoull(line.substr(blank + 1));
    }
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] double operator[](const std::string& name) const {
    return static_cast<double>(values_.at(name));
  }

 private:
  static std::vector<std::string> command(const std::string& threads) {
    const std::string count = threads.substr(0, threads.find(' '));
    return count != threads
               ? std::vector<std::string>{LINKED_JEMALLOC_PROGRAM, count}
               : std::vector<std::string>{"/usr/bin/env", "LD_PRELOAD=" JEMALLOC_LIBRARY,
                                          JEMALLOC_PROGRAM, count};
  }

  Subprocess process_;
  std::map<std::string, std::uint64_t> values_;
};

class Jemalloc : public ::testing::TestWithParam<std::string> {};

TEST_P(Jemalloc, CountsAreThoseOfItsOwnStatistics) {
  const JemallocProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture nothing_claimed(sighting->view);
  const Look look{*sighting->view, nothing_claimed, {}};
  const auto home = find_home(look);
  ASSERT_TRUE(home);
  const Extents extents = find_extents(look, home->module);
  EXPECT_FALSE(extents.overlap);
  const Totals totals = totals_of(extents);
  EXPECT_NEAR(static_cast<double>(totals.active), program["active"], program["active"] / 1000);
  EXPECT_NEAR(static_cast<double>(totals.allocated), program["allocated"],
              program["allocated"] / 1000);
}

TEST_P(Jemalloc, HasItsRowsInThePicture) {
  const JemallocProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> rows;
  for (const Row& row : picture.rows()) {
    all += row.bytes;
    if (row.owner == "jemalloc") {
      rows[std::string(name_of(row.state))] += row.bytes;
    }
  }
  EXPECT_EQ(all, sighting->view->residency().total());
  EXPECT_NEAR(static_cast<double>(rows["live"]), program["allocated"], program["allocated"] / 50);
  EXPECT_GT(rows["held"], 0U);
  EXPECT_GT(rows["overhead"], 0U);
  EXPECT_LT(rows["mapped"], all / 50);
  for (const Check& check : picture.checks()) {
    EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Jemalloc, ::testing::Values("1", "4", "4 linked"),
                         [](const auto& one) {
                           return "Of" + one.param.substr(0, 1) +
                                  (one.param.size() > 1 ? "Linked" : "");
                         });

/// What jemalloc has given out, resident or not: of large blocks the last pages may be untouched,
/// which malloc_usable_size counts.
std::uint64_t in_use_of(const Survey& survey) {
  for (const AllocatorReport& report : survey.allocators) {
    if (report.name == "jemalloc") {
      return report.in_use_bytes;
    }
  }
  return 0;
}

class JemallocUnderLoad : public ::testing::TestWithParam<const char*> {};

/// Without caches, whose blocks jemalloc counts as live.
TEST_P(JemallocUnderLoad, LiveBytesAreWithinOnePercentOrTornAndWithinTheirBound) {
  const heapwatch::tests::LoadProgram program(
      GetParam(), "8", {"LD_PRELOAD=" JEMALLOC_LIBRARY, "MALLOC_CONF=tcache:false"});
  for (int look = 0; look < heapwatch::tests::looks_wanted(); ++look) {
    const auto seen = survey(program.pid(), {});
    ASSERT_TRUE(seen) << seen.error().message;
    const auto answer = heapwatch::tests::answer_of(*seen, "jemalloc");
    EXPECT_TRUE(answer.live > 0 || answer.is_torn);
    EXPECT_TRUE(!answer.is_torn || std::string(GetParam()) != "still");
    heapwatch::tests::expect_right_or_torn(answer, program.held());
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, JemallocUnderLoad,
                         ::testing::Values("still", "random", "ring", "stack", "hand"),
                         [](const auto& one) { return std::string(one.param); });

class JemallocTwin : public ::testing::TestWithParam<const char*> {};

/// All of it at one moment: but for what each thread is about to exchange.
TEST_P(JemallocTwin, LiveBytesAreThoseThatTheProgramHolds) {
  constexpr double threads = 8;
  const heapwatch::tests::LoadProgram program(
      GetParam(), "8", {"LD_PRELOAD=" JEMALLOC_LIBRARY, "MALLOC_CONF=tcache:false"});
  const double exchanged = std::string(GetParam()) == "large" ? 256 * 1024 : 8 * 4096;
  for (int look = 0; look < heapwatch::tests::looks_wanted(); ++look) {
    const auto seen = survey(program.pid(), {.pause = true});
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_GT(seen->stopped_ms, 0)
        << (seen->missing.empty() ? std::string() : seen->missing.front().why);
    EXPECT_FALSE(heapwatch::tests::answer_of(*seen, "jemalloc").is_torn);
    const auto held = static_cast<double>(program.held());
    EXPECT_NEAR(static_cast<double>(in_use_of(*seen)), held, held / 1000 + threads * exchanged);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, JemallocTwin, ::testing::Values("random", "large", "hand"),
                         [](const auto& one) { return std::string(one.param); });

TEST(JemallocMoments, WhatWasNotAlikeInTwoReadingsIsHowFarTheLaterMayBeOff) {
  const auto slab = [](std::uint64_t begin, std::uint64_t live) {
    return Extent{
        .begin = begin, .bytes = 4096, .is_slab = true, .block_bytes = 64, .live_blocks = live};
  };
  const Extent large{.begin = 0x9000, .bytes = 20480, .block_bytes = 16384, .live_blocks = 1};
  const auto moved = [](std::vector<Extent> before, std::vector<Extent> after) {
    return moved_bytes_between({.extents = std::move(before)}, {.extents = std::move(after)});
  };
  EXPECT_EQ(moved({slab(0x1000, 60), large}, {slab(0x1000, 60), large}), 0U);
  EXPECT_EQ(moved({slab(0x1000, 60), large}, {slab(0x1000, 55), large}), 5U * 64);
  EXPECT_EQ(moved({slab(0x1000, 60)}, {slab(0x1000, 60), large}), 16384U);
  EXPECT_EQ(moved({slab(0x1000, 60), large}, {slab(0x1000, 60)}), 16384U);
  EXPECT_EQ(moved({slab(0x1000, 10), slab(0x2000, 20)}, {slab(0x1000, 20), slab(0x2000, 10)}),
            10U * 64);
  Extent kept = large;
  kept.state = Extent::State::dirty;
  kept.block_bytes = 0;
  kept.live_blocks = 0;
  EXPECT_EQ(moved({large}, {kept}), 16384U);
}

TEST(JemallocClasses, GrowInFourStepsToADoubling) {
  EXPECT_EQ(bytes_of_class(0), 8U);
  EXPECT_EQ(bytes_of_class(8), 128U);
  EXPECT_EQ(bytes_of_class(9), 160U);
  EXPECT_EQ(bytes_of_class(12), 256U);
  EXPECT_EQ(bytes_of_class(13), 320U);
  EXPECT_EQ(bytes_of_class(35), 14336U);
  EXPECT_EQ(bytes_of_class(36), 16384U);
}

}  // namespace
}  // namespace heapwatch::memory::jemalloc
