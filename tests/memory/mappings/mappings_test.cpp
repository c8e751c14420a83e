#include "memory/mappings/mappings.h"

#include <gmock/gmock.h>

#include "../process/made_process.h"
#include "memory/readers.h"

namespace heapwatch::memory::mappings {
namespace {

using heapwatch::tests::MadeProcess;
using ::testing::UnorderedElementsAre;

std::vector<std::string> rows_of(const Picture& picture) {
  std::vector<std::string> rows;
  for (const Row& row : picture.rows()) {
    rows.push_back(std::string(name_of(row.space)) + " " + row.owner +
                   (row.detail.empty() ? "" : ": " + row.detail) + " " + std::to_string(row.bytes));
  }
  return rows;
}

TEST(SharedMappings, AreShared) {
  MadeProcess process;
  process.map(0x10000, 0x14000, "rw-s", "/memfd:a (deleted)", 5)
      .map(0x20000, 0x22000, "rw-s", "/SYSV00000000 (deleted)", 6)
      .map(0x30000, 0x31000, "rw-s", "/dev/zero (deleted)", 7)
      .map(0x40000, 0x42000, "rw-s", "/memfd:java_heap (deleted)", 8)
      .touch(0x10000, 0x14000, true)
      .touch(0x20000, 0x22000, true)
      .touch(0x30000, 0x31000, true)
      .touch(0x40000, 0x42000, true);
  EXPECT_THAT(
      rows_of(picture_of(process.view())),
      UnorderedElementsAre("shared memfd 16384", "shared System V 8192",
                           "shared memfd: Java's heap 8192", "shared anonymous, shared 4096"));
}

TEST(SharedMappings, OfAPrivateOneWhatWasWrittenIsTheProcesssOwn) {
  MadeProcess process;
  process.map(0x10000, 0x14000, "rw-p", "/memfd:a (deleted)", 5)
      .map(0x30000, 0x31000, "rw-p", "/dev/zero", 7)
      .touch(0x10000, 0x11000, true)
      .touch(0x11000, 0x14000)
      .touch(0x30000, 0x31000);
  EXPECT_THAT(
      rows_of(picture_of(process.view())),
      UnorderedElementsAre("shared memfd 4096", "files mapped files: written, private 16384"));
}

}  // namespace
}  // namespace heapwatch::memory::mappings
