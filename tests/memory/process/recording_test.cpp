#include "memory/process/recording.h"

#include <gtest/gtest.h>

#include "made_process.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::process {
namespace {

using heapwatch::tests::MadeProcess;

std::shared_ptr<const ProcessView> sample() {
  MadeProcess process;
  process.map(0x10000, 0x12000, "r-xp", "/usr/bin/a b", 77, 0x1000)
      .map(0x20000, 0x28000, "rw-p", "[heap]")
      .touch(0x10000, 0x11000, true)
      .write(0x20008, 42)
      .write(0x22000, 43)
      .thread(12, 0x27f00);
  auto& made = process.recording();
  made.facts = {
      .pid = 12, .command = "a b", .arguments = {"a", "-x y"}, .exe = "/usr/bin/a b", .uid = 5};
  made.threads.push_back({.tid = 13, .name = "worker 1"});
  made.swapped = {{0x24000, 0x25000}};
  made.file_pages[{"/usr/bin/a b", 0x2000}] = std::string(page_bytes, '\n');
  return process.view();
}

TEST(Recording, ComesBackFromItsFileAsItWas) {
  const auto view = sample();
  const Recorded recorded = record(*view);
  Words words(*recorded.view);
  EXPECT_EQ(words.u64(0x20008), 42U);
  EXPECT_EQ(words.get<char>(0x11000), '\n');
  const Recording recording = recorded.recorder->recording(*recorded.view);
  EXPECT_EQ(recording.pages.size(), 1U) << "only what was read";

  const auto back = parse_recording(to_bytes(recording));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->facts, recording.facts);
  EXPECT_EQ(back->mappings, recording.mappings);
  EXPECT_EQ(back->runs, recording.runs);
  EXPECT_EQ(back->swapped, recording.swapped);
  EXPECT_EQ(back->threads, recording.threads);
  EXPECT_EQ(back->pages, recording.pages);
  EXPECT_EQ(back->file_pages, recording.file_pages);
}

TEST(Recording, ADamagedFileIsRefusedWithItsLine) {
  EXPECT_EQ(parse_recording("hello\n").error().message,
            "this is no recording: its first line is not \"heapwatch recording 1\"");
  EXPECT_EQ(parse_recording("heapwatch recording 1\npid 1\nrun 2000 1000 a\n").error().message,
            "line 3 of the recording is damaged");
  EXPECT_EQ(parse_recording("heapwatch recording 1\npage 1000\nshort").error().message,
            "line 2 of the recording is damaged");
}

}  // namespace
}  // namespace heapwatch::memory::process
