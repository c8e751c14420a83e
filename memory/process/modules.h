// The program and its libraries as they are mapped: segments and exported symbols, from memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/process/reading.h"
#include "memory/process/view.h"

namespace heapwatch::memory::process {

/// A loadable segment. Addresses are where it is mapped.
struct Segment {
  std::uint64_t begin = 0;
  std::uint64_t file_end = 0;    // what follows up to memory_end is zero at the start: .bss
  std::uint64_t memory_end = 0;  // not rounded to pages
  bool writable = false;
  bool executable = false;
};

/// An ELF file that is mapped. Units: addresses of the process.
struct Module {
  std::string name;  // its path, or "[vdso]"
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t bias = 0;  // an address of the file plus this is one of the process
  bool is_program = false;
  bool has_dynamic = false;
  std::uint64_t dynamic = 0;
  std::uint64_t program_headers = 0;  // address
  std::vector<Segment> segments;

  [[nodiscard]] bool contains(std::uint64_t address) const {
    return address >= begin && address < end;
  }
  /// The last part of its path.
  [[nodiscard]] std::string_view base_name() const;
};

inline constexpr std::size_t modules_max = 4096;

/// Every ELF file whose first page is mapped. Only x86-64 little-endian ones.
[[nodiscard]] std::vector<Module> find_modules(const ProcessView& view);

/// What `heapwatch exec` or `heapwatch attach` has put into the program.
[[nodiscard]] bool is_heapwatch_library(const Module& module);

/// Looks exported symbols up as the loader does, by DT_GNU_HASH or DT_HASH.
class Symbols {
 public:
  Symbols(Words& words, const Module& module);

  /// The address of a symbol that the module defines.
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view name);

 private:
  [[nodiscard]] std::optional<std::uint64_t> gnu(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> sysv(std::string_view name);
  [[nodiscard]] std::optional<std::uint64_t> value_if_named(std::uint64_t index,
                                                            std::string_view name);

  Words& words_;
  const Module& module_;
  std::uint64_t symbols_ = 0;
  std::uint64_t strings_ = 0;
  std::uint64_t gnu_hash_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace heapwatch::memory::process
