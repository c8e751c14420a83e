// Go programs that lie, word by word.
#include "made_go.h"

#include <gmock/gmock.h>

#include "memory/golang/golang.h"
#include "memory/readers.h"

namespace heapwatch::memory::golang {
namespace {

using heapwatch::tests::MadeGo;
using ::testing::HasSubstr;

/// The rows add up, nothing is shown as Go's, and the page says why.
void expect_not_walked(MadeGo& go, const std::string& why) {
  const Picture picture = picture_of(go.process().view());
  std::string notes;
  for (const Check& check : picture.checks()) {
    notes += check.reader == "go" && !check.ok ? check.note : "";
  }
  EXPECT_THAT(notes, HasSubstr(why));
  std::uint64_t sum = 0;
  for (const Row& row : picture.rows()) {
    sum += row.bytes;
    EXPECT_NE(row.owner, "go");
  }
  EXPECT_EQ(sum, picture.view().residency().total());
}

std::uint64_t record(std::uint64_t index) {
  return MadeGo::records + index * MadeGo::record_bytes;
}

TEST(GoMade, AnHonestHeapIsWalked) {
  MadeGo go;
  const auto heap = read_heap(*go.process().view());
  ASSERT_TRUE(heap);
  ASSERT_TRUE(*heap) << heap->error().message;
  EXPECT_EQ((*heap)->version, "go1.19.8");
  EXPECT_EQ((*heap)->heap_in_use, 10U * 8192);
  EXPECT_EQ((*heap)->heap_live, 10U * 10 * 512);
  EXPECT_EQ((*heap)->heap_objects, 100U);
  EXPECT_EQ((*heap)->stacks_in_use, 8192U);
}

/// The runtime's own record of its parts of the data.
void write_module_data(MadeGo& go, std::uint64_t begin, std::uint64_t end) {
  using Program = heapwatch::tests::MadeProgram;
  std::uint64_t at = Program::data + 0x3000;
  for (const std::uint64_t word :
       {Program::text + 0x100, Program::text + 0x1000, begin, begin + 0x100, begin + 0x100,
        begin + 0x200, begin + 0x200, begin + 0x200, begin + 0x200, end}) {
    go.process().write(at, word);
    at += 8;
  }
}

std::uint64_t records_in(const Picture& picture) {
  std::uint64_t bytes = 0;
  for (const Row& row : picture.rows()) {
    bytes += row.owner == "go" && row.state == State::overhead ? row.bytes : 0;
  }
  return bytes;
}

TEST(GoMade, WhatDataOfCLeadToIsNotTheRuntimes) {
  using Program = heapwatch::tests::MadeProgram;
  constexpr std::uint64_t of_go = 0x7f1000000000;
  constexpr std::uint64_t of_c = 0x7f2000000000;
  constexpr std::uint64_t bytes = 0x8000;
  MadeGo go;
  for (const std::uint64_t begin : {of_go, of_c}) {
    go.process().map(begin, begin + bytes, "rw-p").touch(begin, begin + bytes);
  }
  go.process().write(Program::data + 0x2000, of_go).write(Program::data + 0x6000, of_c);
  const std::uint64_t all = records_in(picture_of(go.process().view()));
  write_module_data(go, Program::free_data, Program::data + 0x4000);
  const Picture picture = picture_of(go.process().view());
  EXPECT_EQ(records_in(picture), all - bytes);
  ASSERT_EQ(picture.unexplained().size(), 1U);
  EXPECT_EQ(picture.unexplained()[0].begin, of_c);
  // A row that leads out of the data is none.
  write_module_data(go, Program::free_data, Program::data_end + 0x1000);
  EXPECT_EQ(records_in(picture_of(go.process().view())), all);
}

TEST(GoMade, ASpanOverAnotherIsNone) {
  MadeGo go;
  go.process().write(record(3) + 32, std::uint64_t{2});
  go.process().write(record(3) + 24, MadeGo::heap + 2 * MadeGo::span_page);
  expect_not_walked(go, "spans overlap");
}

TEST(GoMade, ASpanWhereNothingIsMappedIsNone) {
  MadeGo go;
  go.process()
      .write(record(3) + 24, std::uint64_t{0xd000000000})
      .write(record(3) + MadeGo::use_at + 16, std::uint64_t{0xd000002000});
  expect_not_walked(go, "a span is where no heap can be");
}

TEST(GoMade, ASpanOverTheProgramsDataIsNone) {
  MadeGo go;
  constexpr std::uint64_t data = heapwatch::tests::MadeProgram::data;
  go.process()
      .write(record(3) + 24, data)
      .write(record(3) + MadeGo::use_at + 16, data + MadeGo::span_page);
  expect_not_walked(go, "a span is where no heap can be");
}

TEST(GoMade, AGiganticListIsNone) {
  MadeGo go;
  go.process()
      .write(MadeGo::slice + 8, std::uint64_t{1} << 60)
      .write(MadeGo::slice + 16, std::uint64_t{1} << 61);
  expect_not_walked(go, "the list of spans is not in the data of server");
}

TEST(GoMade, MoreObjectsThanASpanHasRoomForAreNone) {
  MadeGo go;
  go.process().write(record(3) + MadeGo::use_at + 8, std::uint64_t{0x7fffffffffffffff});
  expect_not_walked(go, "the list of spans is not in the data of server");
}

}  // namespace
}  // namespace heapwatch::memory::golang
