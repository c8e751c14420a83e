// The functions that the symbol tables of an ELF file name, by address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symbols/elf_file.h"

namespace heapwatch::symbols {

/// Threads: find() may be called by several at once.
class SymbolTable {
 public:
  struct Symbol {
    std::string_view name;  // as the linker knows it
    std::uint64_t start = 0;
  };

  /// Adds the functions of `.symtab`, or of `.dynsym` where there is no `.symtab`, and those of the
  /// small file that Fedora packs into `.gnu_debugdata`. Sections that cannot be read add nothing.
  void add(const ElfFile& elf);
  /// Sorts what was added; find() comes after.
  void finish();

  /// The function at an address as the file counts; its name is empty where there is none.
  [[nodiscard]] Symbol find(std::uint64_t address) const;
  /// All functions, by address; of several names of one place those that mean least come first.
  /// Without a size it ends where the next begins.
  struct Function {
    std::string_view name;
    std::uint64_t start = 0;
    std::uint64_t limit = 0;
  };
  [[nodiscard]] std::vector<Function> functions() const;
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// The memory that it takes.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    std::uint32_t name = 0;  // its place in names_
    std::uint8_t rank = 0;   // of symbols at one address the higher is taken
  };

  bool add_table(const ElfFile& elf, std::uint32_t type);

  std::vector<Entry> entries_;
  std::string names_;
};

/// Unpacks what xz packed. Errors: not_found when the library that can (liblzma) is not installed,
/// limit, invalid.
[[nodiscard]] base::Result<std::string> unpack_xz(const std::string& packed, std::size_t bytes_max);

}  // namespace heapwatch::symbols
