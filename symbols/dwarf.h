// Files, lines and inlined functions, from the DWARF of a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symbols/elf_file.h"
#include "symbols/frame.h"

namespace heapwatch::symbols {

/// What reading the DWARF of one file may take.
struct DwarfLimits {
  std::size_t sections_bytes_max = std::size_t{4} << 30U;  // all sections of DWARF, unpacked
  std::size_t entries_max = 200'000'000;                   // read over all questions
  std::size_t unit_entries_max = 20'000'000;               // of one compilation unit
  std::size_t tables_bytes_max = std::size_t{512} << 20U;  // of what is kept of them
  /// Entries and lines that libdw keeps; above it forgets them and begins anew.
  std::size_t kept_max = 8'000'000;
  bool is_mapped = true;  // false: copied, so that a file cut short meanwhile costs an error only
};

/// Threads: not safe.
class DwarfLines {
 public:
  /// Errors: not_found where the file has no lines or libdw is not installed, limit, invalid.
  [[nodiscard]] static base::Result<std::unique_ptr<DwarfLines>> open(const ElfFile& elf,
                                                                      const DwarfLimits& limits);
  DwarfLines(const DwarfLines&) = delete;
  DwarfLines& operator=(const DwarfLines&) = delete;
  ~DwarfLines();

  /// The frames at an address as the file counts, innermost first; names are the linker's, or the
  /// source's where those are not told, or none where only the line is. Empty: not known.
  [[nodiscard]] std::vector<Frame> frames(std::uint64_t address);
  /// The memory that it takes, roughly.
  [[nodiscard]] std::size_t bytes() const;

 private:
  class Reader;
  explicit DwarfLines(std::unique_ptr<Reader> reader);
  std::unique_ptr<Reader> reader_;
};

}  // namespace heapwatch::symbols
