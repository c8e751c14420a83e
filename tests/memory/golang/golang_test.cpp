#include "memory/golang/golang.h"

#include <gmock/gmock.h>

#include <map>

#include "../../testing/subprocess.h"
#include "memory/process/live.h"
#include "memory/readers.h"

namespace heapwatch::memory::golang {
namespace {

using heapwatch::tests::Subprocess;
using ::testing::StartsWith;

/// A program of tests/memory/programs, which told its own counters and waits.
class GoProgram {
 public:
  explicit GoProgram(const std::string& name) : process_({std::string(GO_PROGRAMS "/") + name}) {
    for (std::string line = process_.read_line(); line != "ready"; line = process_.read_line()) {
      const std::size_t blank = line.find(' ');
      values_[line.substr(0, blank)] = std::stoull(line.substr(blank + 1));
    }
  }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  [[nodiscard]] std::uint64_t operator[](const std::string& name) const { return values_.at(name); }

 private:
  Subprocess process_;
  std::map<std::string, std::uint64_t> values_;
};

class GoHeap : public ::testing::TestWithParam<std::string> {};

TEST_P(GoHeap, IsAsTheProgramCountsIt) {
  const GoProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const auto heap = read_heap(*sighting->view);
  ASSERT_TRUE(heap) << "no Go program found";
  ASSERT_TRUE(*heap) << heap->error().message;
  EXPECT_THAT((*heap)->version, StartsWith("go1."));
  EXPECT_EQ((*heap)->heap_in_use, program["heap_inuse"]);
  EXPECT_EQ((*heap)->stacks_in_use, program["stack_inuse"]);
  // What the program allocates after it has read its counters is little.
  EXPECT_GE((*heap)->heap_live, program["heap_alloc"]);
  EXPECT_LE((*heap)->heap_live - program["heap_alloc"], program["heap_alloc"] / 1000);
  // The tiny allocator counts each of its objects in Mallocs.
  EXPECT_NEAR(static_cast<double>((*heap)->heap_objects), static_cast<double>(program["objects"]),
              static_cast<double>(program["objects"]) / 500);
  ASSERT_TRUE((*heap)->goroutines);
  EXPECT_GE(*(*heap)->goroutines, program["goroutines"]);
  EXPECT_LE(*(*heap)->goroutines, program["goroutines"] + 12);
  EXPECT_EQ((*heap)->collections, program["collections"]);
}

TEST_P(GoHeap, HasAPlaceInThePictureAndLeavesNextToNothingUnexplained) {
  const GoProgram program(GetParam());
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  std::uint64_t all = 0;
  std::map<std::string, std::uint64_t> go;
  for (const Row& row : picture.rows()) {
    all += row.bytes;
    if (row.space == Space::go) {
      go[row.detail] += row.bytes;
    }
  }
  EXPECT_EQ(all, sighting->view->residency().total());
  // Nearly all of it is touched; the rest of the list is what was never written to.
  EXPECT_GE(go["heap"], program["heap_alloc"] * 9 / 10);
  EXPECT_GT(go["goroutine stacks"], 300U * 2048);
  EXPECT_GT(go["the runtime's own records"], 0U);
  EXPECT_LE(go["the runtime's own records"], program["records"]);
  EXPECT_LT(picture.unexplained_bytes(), all / 500);
  for (const Check& check : picture.checks()) {
    EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
  }
}

INSTANTIATE_TEST_SUITE_P(Go, GoHeap,
                         ::testing::Values("go_heap", "go_stripped", "go_pie", "go_cgo"),
                         [](const auto& one) { return one.param; });

TEST(GoMmaps, WhatCMapsBesideTheRuntimesRecordsIsNotTheRuntimes) {
  constexpr std::uint64_t mapped = 40 * 5 * (std::uint64_t{256} << 10);
  const GoProgram program("go_mmaps");
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  EXPECT_GE(picture.unexplained_bytes(), mapped - mapped / 100);
  EXPECT_LE(picture.unexplained_bytes(), mapped + mapped / 100);
  std::uint64_t records = 0;
  for (const Row& row : picture.rows()) {
    records += row.detail == "the runtime's own records" ? row.bytes : 0;
  }
  EXPECT_GT(records, program["records"] / 4);
  EXPECT_LE(records, program["records"]);
}

TEST(GoRace, WhatTheRaceDetectorKeepsHasItsNameAndNothingIsUnexplained) {
  const GoProgram program("go_race");
  const auto sighting = process::look_at(program.pid());
  ASSERT_TRUE(sighting) << sighting.error().message;
  const Picture picture = picture_of(sighting->view);
  std::uint64_t all = 0;
  std::uint64_t heap = 0;
  std::uint64_t detector = 0;
  for (const Row& row : picture.rows()) {
    all += row.bytes;
    heap += row.owner == "go" && row.detail == "heap" ? row.bytes : 0;
    detector += row.owner == "go's race detector" ? row.bytes : 0;
  }
  EXPECT_EQ(all, sighting->view->residency().total());
  EXPECT_GE(heap, program["heap_alloc"] * 9 / 10);
  EXPECT_GT(detector, heap);
  EXPECT_LT(picture.unexplained_bytes(), all / 500);
}

}  // namespace
}  // namespace heapwatch::memory::golang
