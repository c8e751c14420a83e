#include "memory/mappings/allocators.h"

#include <gmock/gmock.h>

#include "../process/made_process.h"
#include "memory/readers.h"

namespace heapwatch::memory::mappings {
namespace {

using heapwatch::tests::MadeProcess;

/// An ELF header at an address, so that the mapping is a module.
void add_module(MadeProcess& process, std::uint64_t at, const std::string& name) {
  const auto put = [&](std::uint64_t place, std::uint64_t value, std::size_t bytes) {
    process.write(place, std::string_view(reinterpret_cast<const char*>(&value), bytes));
  };
  process.map(at, at + 0x1000, "r--p", name, 9);
  process.write(at, std::string_view("\x7f"
                                     "ELF\x02\x01\x01",
                                     7));
  put(at + 18, 62, 2);
  put(at + 32, 64, 8);
  put(at + 54, 56, 2);
  put(at + 56, 1, 2);
  put(at + 64, 1, 4);
  put(at + 64 + 32, 0x1000, 8);
  put(at + 64 + 40, 0x1000, 8);
  process.touch(at, at + 0x1000, true);
}

std::vector<std::string> rows_of(MadeProcess& process) {
  std::vector<std::string> rows;
  for (const Row& row : picture_of(process.view()).rows()) {
    rows.push_back(std::string(name_of(row.space)) + " " + row.owner + " " +
                   std::to_string(row.bytes));
  }
  return rows;
}

TEST(Allocators, AreNamedAndTakeWhatIsLeft) {
  MadeProcess process;
  add_module(process, 0x10000, "/usr/lib/libjemalloc.so.2");
  process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000);
  EXPECT_THAT(rows_of(process),
              ::testing::ElementsAre("native jemalloc 8192", "files mapped files 4096"));
}

TEST(Allocators, OneThatIsLinkedIntoTheProgramIsKnownByItsMessagesWhereMuchHasNoOwner) {
  constexpr std::uint64_t much = std::uint64_t{1} << 20;
  for (const std::uint64_t bytes : {much, much / 2}) {
    MadeProcess process;
    process.recording().facts.exe = "/usr/bin/server";
    add_module(process, 0x10000, "/usr/bin/server");
    process.write(0x10800, "12 Bytes in page heap freelist");
    process.map(0x100000, 0x100000 + much, "rw-p").touch(0x100000, 0x100000 + bytes);
    const std::string owner = bytes == much ? "native tcmalloc " : "unexplained  ";
    EXPECT_THAT(rows_of(process), ::testing::UnorderedElementsAre(owner + std::to_string(bytes),
                                                                  "files mapped files 4096"));
  }
}

TEST(Allocators, Python2IsOfPythonsSpace) {
  MadeProcess process;
  add_module(process, 0x10000, "/usr/lib/libpython2.7.so.1.0");
  process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000);
  EXPECT_THAT(rows_of(process),
              ::testing::ElementsAre("python Python 2 8192", "files mapped files 4096"));
}

TEST(Allocators, TwoOfThemShareARow) {
  MadeProcess process;
  add_module(process, 0x10000, "/usr/lib/libtcmalloc_minimal.so.4");
  add_module(process, 0x20000, "/usr/lib/jvm/libjvm.so");
  process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000);
  EXPECT_THAT(rows_of(process),
              ::testing::ElementsAre("files mapped files 8192", "other tcmalloc or Java 8192"));
}

TEST(Allocators, MuslIsKnownByItsLibraryWhateverLoadsIt) {
  for (const char* const name :
       {"/lib/ld-musl-x86_64.so.1", "/usr/lib/x86_64-linux-musl/libc.so"}) {
    MadeProcess process;
    add_module(process, 0x10000, name);
    process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000);
    EXPECT_THAT(rows_of(process),
                ::testing::ElementsAre("native musl malloc 8192", "files mapped files 4096"));
  }
}

TEST(Allocators, MuslIsKnownByThePageWithoutRightsBeforeItsHeap) {
  MadeProcess process;
  process.map(0x10000, 0x11000, "---p", "[heap]").map(0x11000, 0x20000, "rw-p", "[heap]");
  process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000).touch(0x11000, 0x12000);
  EXPECT_THAT(rows_of(process), ::testing::ElementsAre("native musl malloc 12288"));
}

TEST(Allocators, MemoryWithoutAnyOfThemIsNotTheirs) {
  MadeProcess process;
  add_module(process, 0x10000, "/usr/lib/x86_64-linux-gnu/libc.so.6");
  process.map(0x50000, 0x60000, "rw-p").touch(0x50000, 0x52000);
  EXPECT_THAT(rows_of(process),
              ::testing::ElementsAre("files mapped files 4096", "unexplained  8192"));
}

}  // namespace
}  // namespace heapwatch::memory::mappings
