#include "memory/mimalloc/mimalloc.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "../process/made_program.h"
#include "../programs/heap_program.h"
#include "made_mimalloc.h"
#include "memory/readers.h"
#include "memory/survey.h"

namespace heapwatch::memory::mimalloc {
namespace {

using heapwatch::tests::HeapProgram;
using heapwatch::tests::MadeMimalloc;
using heapwatch::tests::MadeProgram;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> rows_of(const Picture& picture) {
  std::vector<std::string> rows;
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
    if (row.owner == "mimalloc") {
      rows.push_back(std::string(name_of(row.space)) + " " + std::string(name_of(row.state)) + " " +
                     std::to_string(row.bytes) + (row.detail.empty() ? "" : " " + row.detail));
    }
  }
  EXPECT_EQ(sum, picture.view().residency().total());
  return rows;
}

std::string failed(const Picture& picture) {
  std::string notes;
  for (const Check& check : picture.checks()) {
    notes += check.ok ? "" : check.note;
  }
  return notes;
}

TEST(Mimalloc, ASegmentIsSplitWhateverTheSizeOfItsRecords) {
  for (const std::uint64_t record_bytes : {80U, 96U, 112U}) {
    MadeMimalloc made(record_bytes);
    const Picture picture = picture_of(made.process().view());
    EXPECT_EQ(failed(picture), "");
    // Of the first page 13 blocks live, of the second both.
    EXPECT_THAT(
        rows_of(picture),
        ElementsAre("native live 80832", "native held 115776 free in pages",
                    "native held 262144 free pages", "native overhead 65536 records of segments"));
    ASSERT_EQ(picture.allocators().size(), 1U);
    const AllocatorReport& report = picture.allocators()[0];
    EXPECT_EQ(report.blocks, 15U);
    EXPECT_EQ(report.in_use_bytes, 13U * 64 + 2 * 40000);
    EXPECT_EQ(report.free_bytes, 7U * 64);
    EXPECT_THAT(report.sizes, ElementsAre(SizeCount{40000, 2}, SizeCount{64, 13}));
  }
}

TEST(Mimalloc, APageThatDoesNotAddUpIsNamedAndNotSplit) {
  const auto rows_with = [](auto&& lie) {
    MadeMimalloc made;
    lie(made);
    const Picture picture = picture_of(made.process().view());
    EXPECT_EQ(failed(picture), "1 segment, 2 pages; of 1 the counts and lists do not agree");
    return rows_of(picture);
  };
  const auto expected =
      ElementsAre("native live 80000", "native held 51072 free in pages",
                  "native held 262144 free pages", "native overhead 65536 records of segments",
                  "native mapped 65536 pages that were not walked");
  constexpr std::uint64_t block = MadeMimalloc::small_page + 64 * 7;
  EXPECT_THAT(rows_with([](MadeMimalloc& made) { made.put(made.record(1) + 24, 16, 4); }), expected)
      << "a block more is in use";
  EXPECT_THAT(rows_with([](MadeMimalloc& made) {
                made.process().write(block, MadeMimalloc::small_page + 64 * 3);
              }),
              expected)
      << "a list that is a circle";
  EXPECT_THAT(
      rows_with([](MadeMimalloc& made) { made.process().write(block, MadeMimalloc::large_page); }),
      expected)
      << "a list that leaves the page";
  EXPECT_THAT(rows_with([](MadeMimalloc& made) { made.put(made.record(1) + 28, 4096, 4); }),
              expected)
      << "blocks for which there is no room";
}

TEST(Mimalloc, WhatIsNoSegmentIsLeftToOthers) {
  MadeMimalloc made;
  made.put(made.record(6), 505, 4);  // the chain does not end at the end
  const Picture picture = picture_of(made.process().view());
  EXPECT_THAT(rows_of(picture), ElementsAre());
  EXPECT_EQ(picture.unexplained_bytes(), picture.view().residency().total());
}

/// _PyRuntime of CPython 3.13 and later, with and without the GIL.
MadeProgram python(std::uint64_t free_threaded) {
  MadeProgram program("/usr/bin/python3.14t", {{"_PyRuntime", MadeProgram::free_data}});
  program.process()
      .write(MadeProgram::free_data, std::string_view("xdebugpy"))
      .write(MadeProgram::free_data + 16, free_threaded);
  return program;
}

TEST(Mimalloc, OfAFreeThreadedPythonItIsPythons) {
  MadeProgram program = python(1);
  MadeMimalloc made(96);
  auto& recording = program.process().recording();
  for (auto& mapping : made.process().recording().mappings) {
    recording.mappings.push_back(mapping);
  }
  recording.pages.insert(made.process().recording().pages.begin(),
                         made.process().recording().pages.end());
  const Picture picture = picture_of(program.process().view());
  EXPECT_THAT(rows_of(picture), ::testing::Contains("python live 80832"));
  ASSERT_EQ(picture.allocators().size(), 2U);
  ASSERT_EQ(picture.missing().size(), 1U);
  EXPECT_THAT(picture.missing()[0].why, HasSubstr("is free-threaded: the layout of its mimalloc is "
                                                  "known from its sources"));
}

TEST(Mimalloc, OfAFreeThreadedPythonThatIsNotUnderstoodItIsNamed) {
  for (const std::uint64_t free_threaded : {0U, 1U}) {
    MadeProgram program = python(free_threaded);
    program.process()
        .map(MadeMimalloc::segment, MadeMimalloc::segment + 0x10000, "rw-p")
        .touch(MadeMimalloc::segment, MadeMimalloc::segment + 0x10000);
    const Picture picture = picture_of(program.process().view());
    if (free_threaded == 1) {
      EXPECT_THAT(rows_of(picture), ElementsAre("python mapped 65536 recognised, not looked into"));
      EXPECT_THAT(failed(picture), HasSubstr("whose segments were not recognised"));
      const Picture with_types = picture_of(program.process().view(), {.types = true});
      ASSERT_EQ(with_types.missing().size(), 2U);
      EXPECT_EQ(with_types.missing()[1].what, "Python objects by type");
    } else {
      EXPECT_THAT(rows_of(picture), ElementsAre());
      EXPECT_TRUE(picture.missing().empty());
    }
  }
}

/// Debian's library, in front of a program that knows nothing of it.
TEST(Mimalloc, TheBlocksOfARealProgramAreCounted) {
  constexpr const char* library = MIMALLOC_LIBRARY;
  ASSERT_TRUE(std::filesystem::exists(library)) << library;
  for (const auto& [count, size] : {std::pair{"5000", "100"}, std::pair{"700", "3000"},
                                    std::pair{"40", "300000"}, std::pair{"3", "40000000"}}) {
    const HeapProgram program(
        {std::string("LD_PRELOAD=") + library, HEAP_PROGRAM, "sizes", count, size}, "/usr/bin/env");
    const auto seen = survey(program.pid());
    ASSERT_TRUE(seen) << seen.error().message;
    std::uint64_t blocks = 0;
    for (const AllocatorReport& report : seen->allocators) {
      for (const SizeCount& one : report.sizes) {
        const bool is_it = report.name == "mimalloc" && one.size >= std::stoull(size) &&
                           one.size <= std::stoull(size) * 5 / 4;
        blocks += is_it ? one.blocks : 0;
      }
    }
    EXPECT_GE(blocks, std::stoull(count)) << size;
    EXPECT_LE(blocks, std::stoull(count) + 5) << size;
    for (const Check& check : seen->checks) {
      EXPECT_TRUE(check.ok) << check.reader << ": " << check.note;
    }
  }
}

}  // namespace
}  // namespace heapwatch::memory::mimalloc
