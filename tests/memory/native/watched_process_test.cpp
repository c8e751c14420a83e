#include "memory/native/watched_process.h"

#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "kept_books.h"

namespace heapwatch::memory::native {
namespace {

using ::testing::ElementsAre;
using tests::code_begin;
using tests::KeptBooks;
using tests::loop_begin;

/// A frame of an interpreter as its name and line, another as its distance from the code's start.
std::vector<std::string> described(const NativeHeap& heap, std::size_t record) {
  std::vector<std::string> frames;
  for (const std::uintptr_t frame : heap.records.at(record).stack) {
    if (is_interpreted(frame)) {
      const InterpretedFrame& known = heap.frames.at(interpreted_number(frame));
      frames.push_back(known.name + ":" + std::to_string(known.line));
    } else {
      frames.push_back(hexadecimal(frame));
    }
  }
  return frames;
}

TEST(WatchedProcess, ALookReadsTheStacksThatAreNewSinceTheLastOne) {
  KeptBooks books;
  const auto process = books.opened();
  for (std::uintptr_t i = 0; i < 100; ++i) {
    books.hold(books.stack({code_begin + i, code_begin + 0x1000}), 1);
  }
  EXPECT_EQ(process->heap().records.size(), 100U);
  EXPECT_EQ(process->stacks_read(), 100U);

  books.hold_more(7, 41);
  const NativeHeap second = process->heap();
  EXPECT_EQ(process->stacks_read(), 100U);
  EXPECT_EQ(second.records[7].inuse, 42);
  EXPECT_THAT(second.records[7].stack.frames(), ElementsAre(code_begin + 7, code_begin + 0x1000));

  const memtrack::Stack* const another = books.stack({code_begin + 0x2000});
  books.hold(another, 1);
  books.hold(another, 1);
  const NativeHeap third = process->heap();
  EXPECT_EQ(process->stacks_read(), 101U);
  EXPECT_THAT(third.records[101].stack.frames(), ElementsAre(code_begin + 0x2000));
}

TEST(WatchedProcess, LooksShareTheFramesOfAStack) {
  KeptBooks books;
  const auto process = books.opened();
  books.hold(books.stack({code_begin + 1, code_begin + 2}), 1);
  const NativeHeap first = process->heap();
  const NativeHeap second = process->heap();
  EXPECT_EQ(&first.records[0].stack.frames(), &second.records[0].stack.frames());
}

TEST(WatchedProcess, AFrameOfAnInterpreterHasOneNumberAtAllLooks) {
  KeptBooks books;
  const auto process = books.opened();
  const std::uint32_t keep = books.function("keep");
  books.hold(books.stack({loop_begin + 1}, {memtrack::Frame::of(keep, 41, true)}), 1);
  const NativeHeap first = process->heap();
  EXPECT_THAT(described(first, 0), ElementsAre("keep:41"));

  const std::uint32_t other = books.function("other");
  books.hold(books.stack({loop_begin + 1}, {memtrack::Frame::of(other, 7, false),
                                            memtrack::Frame::of(keep, 41, true)}),
             1);
  const NativeHeap second = process->heap();
  EXPECT_THAT(described(second, 0), ElementsAre("keep:41"));
  EXPECT_THAT(described(second, 1), ElementsAre("other:7", "keep:41"));
  EXPECT_EQ(first.records[0].stack, second.records[0].stack);
}

TEST(WatchedProcess, StacksAreReadAnewWhenAMappingTurnsOutToBeTheInterpreters) {
  KeptBooks books;
  const auto process = books.opened();
  const std::uint32_t keep = books.function("keep");
  books.hold(books.stack({code_begin + 1, loop_begin + 0x200, loop_begin + 1},
                         {memtrack::Frame::of(keep, 41, true)}),
             1);
  EXPECT_THAT(described(process->heap(), 0), ElementsAre("0x400001", "0x500200", "keep:41"));

  books.map(loop_begin, "/usr/lib/libpython3.11.so.1.0");
  EXPECT_THAT(described(process->heap(), 0), ElementsAre("0x400001", "keep:41"));
  EXPECT_EQ(process->stacks_read(), 2U);
  // Another mapping changes nothing of that.
  books.map(0x600000, "/usr/lib/libother.so");
  EXPECT_THAT(described(process->heap(), 0), ElementsAre("0x400001", "keep:41"));
  EXPECT_EQ(process->stacks_read(), 2U);
}

TEST(WatchedProcess, WhoWantsTheInterpretersFramesHasStacksOfHisOwn) {
  KeptBooks books;
  books.map(loop_begin, "/usr/lib/libpython3.11.so.1.0");
  const auto process = books.opened();
  const std::uint32_t keep = books.function("keep");
  books.hold(books.stack({code_begin + 1, loop_begin + 0x200, loop_begin + 1},
                         {memtrack::Frame::of(keep, 41, true)}),
             1);
  for (int look = 0; look < 2; ++look) {
    EXPECT_THAT(described(process->heap(Plumbing::hidden), 0), ElementsAre("0x400001", "keep:41"));
    EXPECT_THAT(described(process->heap(Plumbing::shown), 0),
                ElementsAre("0x400001", "0x500200", "keep:41"));
    EXPECT_EQ(process->stacks_read(), 2U);
  }
}

TEST(WatchedProcess, SeveralThreadsMayLookAtOnce) {
  KeptBooks books;
  const auto process = books.opened();
  for (std::uintptr_t i = 0; i < 1000; ++i) {
    books.hold(books.stack({code_begin + i}), 1);
  }
  std::vector<std::thread> threads;
  std::vector<NativeHeap> heaps(4);
  for (NativeHeap& heap : heaps) {
    threads.emplace_back([&heap, &process] { heap = process->heap(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(process->stacks_read(), 1000U);
  for (const NativeHeap& heap : heaps) {
    EXPECT_THAT(heap.records.at(999).stack.frames(), ElementsAre(code_begin + 999));
  }
}

}  // namespace
}  // namespace heapwatch::memory::native
