#include "memory/native/symbols.h"

#include <gtest/gtest.h>
#include <link.h>

#include <cstdint>
#include <filesystem>
#include <string>

// Looked up by its address in this program.
extern "C" __attribute__((noinline, used)) int heapwatch_symbols_test_place(int value) {
  return value + 1;
}

namespace heapwatch::memory::native {
namespace {

__attribute__((noinline, used)) int mangled_place(int value) {
  return value + 2;
}

const std::string& own_file() {
  static const std::string file = std::filesystem::read_symlink("/proc/self/exe").string();
  return file;
}

/// Where in its file the code at this address of this program lies.
std::uint64_t file_offset(std::uintptr_t address) {
  struct Found {
    std::uintptr_t address;
    std::uint64_t offset;
  } found{address, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& wanted = *static_cast<Found*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
          if (part.p_type == PT_LOAD && wanted.address >= begin &&
              wanted.address < begin + part.p_filesz) {
            wanted.offset = part.p_offset + (wanted.address - begin);
          }
        }
        return 1;  // the program itself comes first
      },
      &found);
  return found.offset;
}

TEST(Symbols, NameTheFunctionAtAnOffsetOfAFile) {
  Symbols symbols;
  const auto address = reinterpret_cast<std::uintptr_t>(&heapwatch_symbols_test_place);
  const auto* const at = symbols.find(own_file(), file_offset(address));
  ASSERT_NE(at, nullptr);
  EXPECT_EQ(at->name, "heapwatch_symbols_test_place");
  EXPECT_EQ(at->system_name, "heapwatch_symbols_test_place");
  EXPECT_EQ(at->offset, 0U);
  const auto* const inside = symbols.find(own_file(), file_offset(address) + 2);
  ASSERT_NE(inside, nullptr);
  EXPECT_EQ(inside->offset, 2U);
}

TEST(Symbols, ShowNamesAsPeopleReadThem) {
  Symbols symbols;
  const auto* const found =
      symbols.find(own_file(), file_offset(reinterpret_cast<std::uintptr_t>(&mangled_place)));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "heapwatch::memory::native::(anonymous namespace)::mangled_place(int)");
  EXPECT_EQ(found->system_name.substr(0, 4), "_ZN9");
}

TEST(Symbols, HaveNoneWhereAFileHasNone) {
  Symbols symbols;
  EXPECT_EQ(symbols.find(own_file(), std::uint64_t{1} << 40), nullptr);
  EXPECT_EQ(symbols.find("", 64), nullptr);
  EXPECT_EQ(symbols.find("[vdso]", 64), nullptr);
  EXPECT_EQ(symbols.find("/no/such/file", 64), nullptr);
  EXPECT_EQ(symbols.find("/proc/self/status", 64), nullptr);
}

}  // namespace
}  // namespace heapwatch::memory::native
