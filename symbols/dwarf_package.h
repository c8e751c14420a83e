// Packages of split DWARF: `PROGRAM.dwp`, which has the units of many `.dwo` files. Private to this
// folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "symbols/dwarf.h"

namespace heapwatch::symbols {

/// An ELF file, made of sections, for a reader of DWARF.
[[nodiscard]] std::string make_elf(
    std::uint16_t machine, const std::vector<std::pair<std::string, std::string>>& sections);

/// Threads: not safe.
class DwarfPackage {
 public:
  /// Of the program whose DWARF is in `elf`. Errors: not_found, where there is none; limit;
  /// invalid.
  [[nodiscard]] static base::Result<std::unique_ptr<DwarfPackage>> open(const ElfFile& elf,
                                                                        const DwarfLimits& limits);

  /// The unit of this id as a `.dwo` file of its own; none when the package does not have it.
  [[nodiscard]] base::Descriptor unit_file(std::uint64_t id) const;

 private:
  struct Piece {
    std::uint32_t offset = 0;
    std::uint32_t bytes = 0;
  };
  using Pieces = std::vector<Piece>;  // by column

  explicit DwarfPackage(ElfFile elf) : elf_(std::move(elf)) {}
  [[nodiscard]] base::Result<void> read_index();
  [[nodiscard]] std::string piece_of(const Piece& piece, std::string_view section) const;
  void compact_strings(std::string& offsets, std::string& strings) const;

  ElfFile elf_;
  std::uint32_t version_ = 0;
  std::vector<std::uint32_t> columns_;  // the kinds of sections
  std::unordered_map<std::uint64_t, Pieces> units_;
  std::string strings_;
};

}  // namespace heapwatch::symbols
