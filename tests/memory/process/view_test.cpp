#include "memory/process/view.h"

#include <gtest/gtest.h>

#include <array>

#include "made_process.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::process {
namespace {

using heapwatch::tests::MadeProcess;

TEST(ProcessView, ReadsResidentBytesAndZeroWhereNobodyWrote) {
  const auto view =
      MadeProcess().map(0x10000, 0x14000, "rw-p").write(0x10ff8, 0x1122334455667788).view();
  Words words(*view);
  EXPECT_EQ(words.u64(0x10ff8), 0x1122334455667788U);
  EXPECT_EQ(words.u64(0x12000), 0U);
  EXPECT_EQ(words.u64(0x10ffc), 0x11223344U) << "across the border of a page that nobody touched";
  EXPECT_EQ(words.u64(0x14000), std::nullopt);
  EXPECT_EQ(words.u64(0x13ffc), std::nullopt);
  EXPECT_EQ(words.u64(~std::uint64_t{0} - 3), std::nullopt);
}

TEST(ProcessView, LeavesSwappedPagesAlone) {
  MadeProcess process;
  process.map(0x10000, 0x14000, "rw-p").write(0x10000, 7);
  process.recording().swapped = {{0x11000, 0x12000}};
  const auto view = process.view();
  std::array<std::byte, 0x4000> bytes{};
  EXPECT_EQ(view->read(0x10000, bytes), 0x1000U);
  EXPECT_EQ(view->read(0x11000, bytes), 0U);
  EXPECT_EQ(view->read(0x12000, bytes), 0x2000U);
}

TEST(ProcessView, TakesPagesOfFilesThatAreNotResidentFromTheFile) {
  MadeProcess process;
  process.map(0x10000, 0x12000, "r--p", "/a/file", 12, 0x3000);
  process.recording().file_pages[{"/a/file", 0x4000}] = std::string(page_bytes, 'x');
  const auto view = process.view();
  Words words(*view);
  EXPECT_EQ(words.get<char>(0x11000), 'x');
  EXPECT_EQ(words.get<char>(0x10000), std::nullopt);
}

TEST(ProcessView, SharedMemoryThatIsNotResidentIsNotTakenForZero) {
  const auto view = MadeProcess().map(0x10000, 0x12000, "rw-s", "/dev/zero (deleted)").view();
  EXPECT_EQ(Words(*view).u64(0x10000), std::nullopt);
}

TEST(Window, GivesTheSameBytesAlongAHeapAsWordsDo) {
  MadeProcess process;
  process.map(0x100000, 0x900000, "rw-p");
  for (std::uint64_t at = 0x100000; at < 0x900000; at += 0x7770) {
    process.write(at, at);
  }
  const auto view = process.view();
  Window window(*view);
  for (std::uint64_t at = 0x100000; at < 0x900000; at += 0x7770) {
    EXPECT_EQ(window.get<std::uint64_t>(at), at);
  }
  EXPECT_EQ(window.get<std::uint64_t>(0x100000), 0x100000U);
  EXPECT_EQ(window.get<std::uint64_t>(0x8ffff8), 0U);
  EXPECT_EQ(window.get<std::uint64_t>(0x8ffffc), std::nullopt);
}

}  // namespace
}  // namespace heapwatch::memory::process
