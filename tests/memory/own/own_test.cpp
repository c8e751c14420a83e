// What heapwatch's own library has in a program that it watches.
#include "memory/own/own.h"

#include <gtest/gtest.h>

#include "../process/made_program.h"
#include "memory/readers.h"

namespace heapwatch::memory::own {
namespace {

using heapwatch::tests::MadeProgram;

/// The library's zeroed data, over whose first part the books were mapped.
TEST(Own, ZeroedDataBehindTheBooksAreOursToTheEndOfTheirLastPage) {
  constexpr std::uint64_t books = MadeProgram::data_end;
  constexpr std::uint64_t rest = books + 0x1000;
  constexpr std::uint64_t end = rest + 0x2050;
  constexpr std::uint64_t last_page_end = rest + 0x3000;
  MadeProgram library("/usr/lib/libheapwatch_preload.so");
  library.put(MadeProgram::text + 64 + 56 + 40, end - MadeProgram::data, 8);  // p_memsz
  library.process()
      .map(books, rest, "rw-s", "/memfd:heapwatch books (deleted)", 9)
      .map(rest, last_page_end, "rw-p")
      .touch(books, last_page_end);
  const Picture picture = picture_of(library.process().view());
  EXPECT_EQ(picture.unexplained_bytes(), 0U);
  std::uint64_t bytes = 0;
  for (const Row& row : picture.rows()) {
    bytes += row.space == Space::own ? row.bytes : 0;
  }
  EXPECT_EQ(bytes, last_page_end - MadeProgram::data);
}

TEST(Own, AProgramsMappingThatTheLibrarysDataLeadToIsTheProgramsWhereOursAreMarked) {
  constexpr std::uint64_t ours = 0x700000;
  constexpr std::uint64_t programs = 0x900000;
  for (const bool are_marked : {true, false}) {
    MadeProgram library("/usr/lib/libheapwatch_preload.so");
    library.put(MadeProgram::free_data, ours, 8);
    library.put(MadeProgram::free_data + 8, programs, 8);
    library.process().map(ours, ours + 0x3000, "rw-p").touch(ours, ours + 0x3000);
    library.process().recording().mappings.back().without_huge = are_marked;
    library.process().map(programs, programs + 0x5000, "rw-p").touch(programs, programs + 0x5000);
    const Picture picture = picture_of(library.process().view());
    // Without the mark nobody knows.
    EXPECT_EQ(picture.unexplained_bytes(), are_marked ? 0x5000U : 0U);
  }
}

}  // namespace
}  // namespace heapwatch::memory::own
