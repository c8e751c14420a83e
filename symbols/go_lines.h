// Functions, files and lines of a Go program, from the table that each carries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symbols/elf_file.h"
#include "symbols/frame.h"

namespace heapwatch::symbols {

/// Go's `.gopclntab`, which stays when a program is stripped. Of inlined calls it tells the place,
/// not the names: the frame is that of the function that stands there.
///
/// Threads: find() may be called by several at once.
class GoLines {
 public:
  /// Errors: not_found where the file has no such table, invalid for a table that is none of Go
  /// 1.16 and later, limit.
  [[nodiscard]] static base::Result<std::unique_ptr<GoLines>> open(const ElfFile& elf);

  /// Empty: not known.
  [[nodiscard]] std::vector<Frame> frames(std::uint64_t address) const;
  [[nodiscard]] std::size_t bytes() const { return table_.size(); }

 private:
  GoLines() = default;
  [[nodiscard]] base::Result<void> read_head(const ElfFile& elf, std::uint64_t table_address);
  [[nodiscard]] std::uint64_t number(std::uint64_t at, std::size_t bytes) const;
  [[nodiscard]] std::string text(std::uint64_t at) const;
  [[nodiscard]] std::int64_t value_at(std::uint64_t table, std::uint64_t start,
                                      std::uint64_t address) const;
  [[nodiscard]] std::uint64_t start_of(std::uint64_t index) const;
  [[nodiscard]] std::string file_name(std::uint64_t function, std::int64_t file) const;

  std::string table_;
  bool has_offsets_ = false;      // 1.18 and later: functions by 4 bytes from the start of the code
  bool has_start_lines_ = false;  // 1.20 and later
  std::size_t quantum_ = 1;
  std::uint64_t text_start_ = 0;
  std::uint64_t function_count_ = 0;
  std::uint64_t names_ = 0;
  std::uint64_t units_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t values_ = 0;
  std::uint64_t functions_ = 0;
};

}  // namespace heapwatch::symbols
