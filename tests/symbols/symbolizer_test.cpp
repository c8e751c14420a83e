#include "symbols/symbolizer.h"

#include <gtest/gtest.h>
#include <link.h>

#include <cstdint>
#include <filesystem>
#include <string>

// Looked up by its address in this program. Its code is that of one line, whatever the
// optimization.
static constexpr int place_line = __LINE__ + 2;
// clang-format off
extern "C" __attribute__((noinline, used)) int heapwatch_symbols_test_place(int value) { return value + 1; }
// clang-format on

namespace heapwatch::symbols {
namespace {

__attribute__((noinline, used)) int mangled_place(int value) {
  return value + 2;
}

const std::string& own_file() {
  static const std::string file = std::filesystem::read_symlink("/proc/self/exe").string();
  return file;
}

/// This program, as it is mapped: its address and what the file counts from.
Module own_module() {
  Module module{.path = own_file()};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& found = *static_cast<Module*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0) {
            found.start = info->dlpi_addr + part.p_vaddr;
            found.limit = found.start + part.p_memsz;
            found.offset = part.p_offset;
          }
        }
        return 1;  // the program itself comes first
      },
      &module);
  return module;
}

TEST(Symbolizer, NamesFunctionFileAndLineAtAnAddressOfAProcess) {
  Symbolizer symbolizer;
  const auto address = reinterpret_cast<std::uintptr_t>(&heapwatch_symbols_test_place);
  const auto frames = symbolizer.frames(own_module(), address + 2);
  ASSERT_TRUE(frames) << frames.error().message;
  ASSERT_EQ(frames->size(), 1U);
  const Frame& frame = frames->front();
  EXPECT_EQ(frame.function, "heapwatch_symbols_test_place");
  EXPECT_EQ(frame.system_name, "heapwatch_symbols_test_place");
  EXPECT_TRUE(frame.file.starts_with('/')) << frame.file;
  EXPECT_EQ(std::filesystem::path(frame.file).filename(), "symbolizer_test.cpp");
  EXPECT_EQ(frame.start_line, place_line);
  EXPECT_EQ(frame.line, place_line);
  EXPECT_EQ(frame.offset, 2U);
  EXPECT_FALSE(frame.is_inlined);
}

TEST(Symbolizer, ShowsNamesAsPeopleReadThem) {
  const auto address = reinterpret_cast<std::uintptr_t>(&mangled_place);
  const auto name = [&](Demangle style) {
    Symbolizer symbolizer({.demangle = style});
    return symbolizer.frames(own_module(), address).value().at(0).function;
  };
  EXPECT_EQ(name(Demangle::full), "heapwatch::symbols::(anonymous namespace)::mangled_place(int)");
  EXPECT_EQ(name(Demangle::simple), "heapwatch::symbols::(anonymous namespace)::mangled_place");
  EXPECT_EQ(name(Demangle::none).substr(0, 4), "_ZN9");
}

TEST(Symbolizer, HasNamesAloneWhereNoLinesAreWanted) {
  Symbolizer symbolizer({.lines = false});
  const auto address = reinterpret_cast<std::uintptr_t>(&heapwatch_symbols_test_place);
  const auto frames = symbolizer.frames(own_module(), address);
  ASSERT_TRUE(frames && frames->size() == 1);
  EXPECT_EQ(frames->front().function, "heapwatch_symbols_test_place");
  EXPECT_EQ(frames->front().file, "");
}

TEST(Symbolizer, RefusesAFileOfAnotherBuild) {
  Symbolizer symbolizer;
  Module module = own_module();
  module.build_id = "0123456789abcdef";
  const auto elf = ElfFile::open(own_file());
  ASSERT_TRUE(elf);
  if (elf->build_id().empty()) {
    EXPECT_TRUE(symbolizer.open(module));  // the linker was told to write none
    return;
  }
  const auto opened = symbolizer.open(module);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "build ID mismatch");
  module.build_id = elf->build_id();
  EXPECT_TRUE(symbolizer.open(module));
}

TEST(Symbolizer, TellsWhyAModuleCannotBeRead) {
  Symbolizer symbolizer;
  const auto error = [&](const std::string& path) {
    const auto frames = symbolizer.frames({.path = path}, 64);
    return frames ? "none" : frames.error().message;
  };
  EXPECT_EQ(error(""), "no file");
  EXPECT_EQ(error("[vdso]"), "no file");
  EXPECT_EQ(error("/no/such/file"), "/no/such/file: No such file or directory");
  EXPECT_EQ(error("/proc/self/status"), "/proc/self/status: not an ELF file");
  EXPECT_EQ(error("/dev/null"), "/dev/null: not a regular file");
}

TEST(Symbolizer, KnowsNothingOfAddressesWithoutCode) {
  Symbolizer symbolizer;
  const auto frames = symbolizer.frames(own_module(), 64);
  ASSERT_TRUE(frames);
  EXPECT_TRUE(frames->empty());
}

TEST(Symbolizer, ForgetsTheFileThatWasNotAskedForTheLongest) {
  Symbolizer symbolizer({.modules_max = 1});
  const auto address = reinterpret_cast<std::uintptr_t>(&heapwatch_symbols_test_place);
  const auto libc = std::filesystem::canonical("/lib/x86_64-linux-gnu/libc.so.6").string();
  for (int round = 0; round < 2; ++round) {
    const auto frames = symbolizer.frames(own_module(), address);
    ASSERT_TRUE(frames && frames->size() == 1);
    EXPECT_TRUE(symbolizer.open({.path = libc}));
  }
}

}  // namespace
}  // namespace heapwatch::symbols
