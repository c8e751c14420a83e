// The DWARF of one file as libdw has it open, and what reading it has taken. Private to this
// folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "symbols/dwarf.h"
#include "symbols/libdw.h"

namespace heapwatch::symbols {

/// A piece of address space, and what it belongs to.
struct DwarfRange {
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t entry = 0;  // its offset in .debug_info
  std::size_t index = 0;    // of what the range belongs to
};
void sort(std::vector<DwarfRange>& ranges);
/// The innermost range around an address, as far as ranges lie in one another.
[[nodiscard]] const DwarfRange* find(const std::vector<DwarfRange>& ranges, std::uint64_t address);

/// A name that the file tells, which may have no end; null is none.
[[nodiscard]] std::string limited(const char* text);

class DwarfSession {
 public:
  DwarfSession(const Libdw& lib, const ElfFile& elf, const DwarfLimits& limits);
  DwarfSession(const DwarfSession&) = delete;
  DwarfSession& operator=(const DwarfSession&) = delete;
  ~DwarfSession() { close(); }

  /// Where the units of this program lie in a package, its DWARF is read from memory, in which what
  /// a unit says of its `.dwo` file can be changed. Before reopen(). Errors: limit, io, invalid.
  [[nodiscard]] base::Result<void> copy_sections(const ElfFile& elf);
  /// Has the unit name this file as that of its tree. False: it cannot be changed.
  bool name_split_file(Dwarf_Die& unit, Dwarf_Attribute& name, const base::Descriptor& file);
  /// How often it was opened.
  [[nodiscard]] std::size_t openings() const { return openings_; }

  /// Forgets all that libdw keeps; entries of before mean nothing then. False: it cannot be read.
  bool reopen();
  [[nodiscard]] bool keeps_too_much() const { return kept_ > limits_.kept_max; }

  [[nodiscard]] const Libdw& lib() const { return lib_; }
  [[nodiscard]] ::Dwarf* dwarf() const { return dwarf_; }
  [[nodiscard]] const DwarfLimits& limits() const { return limits_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// The memory that it takes, roughly.
  [[nodiscard]] std::size_t bytes() const { return table_bytes_ + kept_ * 64; }

  /// Counts an entry that is read. False: no more is to be read.
  bool count();
  /// Counts what is kept in tables.
  void count_table(std::size_t bytes) { table_bytes_ += bytes; }
  /// Counts the lines of a unit, which libdw keeps, once.
  void count_lines(Dwarf_Die& unit);
  /// Counts a file that libdw is going to open beside this one; false: it would be too much.
  bool count_file(std::uint64_t bytes);

  /// Calls `take(start, limit)` for each range of the entry.
  template <typename Take>
  void each_range(Dwarf_Die& die, Take take) {
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr limit = 0;
    std::ptrdiff_t at = 0;
    for (std::size_t i = 0; i < ranges_max; ++i) {
      at = lib_.ranges(&die, at, &base, &start, &limit);
      if (at <= 0 || (i != 0 && !count())) {
        return;
      }
      // What the linker left out has been given an address at either end.
      if (start > 1 && start < limit && limit < ~std::uint64_t{0} - 2) {
        take(start, limit);
        table_bytes_ += sizeof(DwarfRange);
      }
    }
  }

 private:
  static constexpr std::size_t ranges_max = 1'000'000;  // of one entry

  void close();

  const Libdw& lib_;
  base::Descriptor file_;
  std::filesystem::path folder_;
  DwarfLimits limits_;
  std::uint64_t other_files_bytes_ = 0;
  std::string image_;           // where it is read from memory
  std::size_t split_name_ = 0;  // the place in the image that the name of the file is written to
  std::uint32_t split_offset_ = 0;  // the same, as it is counted in .debug_str
  std::size_t text_offsets_ = 0;  // where .debug_str_offsets begins in the image; 0: there is none
  std::size_t openings_ = 0;
  Elf* elf_ = nullptr;
  ::Dwarf* dwarf_ = nullptr;
  std::vector<std::uint64_t> units_with_lines_;  // by offset
  std::size_t entries_ = 0;
  std::size_t kept_ = 0;
  std::size_t table_bytes_ = 0;
};

}  // namespace heapwatch::symbols
