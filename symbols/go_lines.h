// Functions, files and lines of a Go program, from the table that each carries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symbols/elf_file.h"
#include "symbols/frame.h"

namespace heapwatch::symbols {

/// Go's `.gopclntab`, which stays when a program is stripped. Names of functions that were inlined
/// are told by tables beside it, which are found from Go 1.18 on; without them the frame is that of
/// the function that stands there, with the line of what was inlined.
///
/// Threads: frames() may be called by several at once.
/// Ownership: reads of `elf` as long as it lives.
class GoLines {
 public:
  /// Errors: not_found where the file has no such table, invalid for a table that is none of Go
  /// 1.16 and later, limit.
  [[nodiscard]] static base::Result<std::unique_ptr<GoLines>> open(const ElfFile& elf);

  /// All functions, by address.
  struct Named {
    std::string name;
    std::uint64_t start = 0;
    std::uint64_t limit = 0;
  };
  [[nodiscard]] std::vector<Named> functions() const;
  /// Empty: not known.
  [[nodiscard]] std::vector<Frame> frames(std::uint64_t address) const;
  [[nodiscard]] std::size_t bytes() const { return table_.size(); }

 private:
  GoLines() = default;
  [[nodiscard]] base::Result<void> read_head(const ElfFile& elf, std::uint64_t table_address);
  /// A function of the table: where its fields are, and what they say of an address.
  struct Function {
    std::uint64_t start = 0;
    std::uint64_t limit = 0;
    std::uint64_t at = 0;
    std::uint64_t fields = 0;
  };
  struct Inlined {
    std::string name;
    std::uint64_t caller = 0;  // an address with the place of the call; the function's start: lost
    std::int64_t parent = -1;  // the number of the call in which this one is
    std::int64_t start_line = 0;
  };
  [[nodiscard]] std::optional<Function> function_at(std::uint64_t address) const;
  [[nodiscard]] Frame place_of(const Function& function, std::uint64_t address) const;
  /// The number of the inlined call at an address; below 0: none is there.
  [[nodiscard]] std::int64_t inlined_at(const Function& function, std::uint64_t address) const;
  [[nodiscard]] std::optional<Inlined> inlined(const Function& function, std::int64_t call) const;
  [[nodiscard]] std::uint64_t number(std::uint64_t at, std::size_t bytes) const;
  [[nodiscard]] std::string text(std::uint64_t at) const;
  [[nodiscard]] std::int64_t value_at(std::uint64_t table, std::uint64_t start,
                                      std::uint64_t address) const;
  [[nodiscard]] std::uint64_t start_of(std::uint64_t index) const;
  [[nodiscard]] std::string file_name(std::uint64_t function, std::int64_t file) const;

  const ElfFile* elf_ = nullptr;
  std::string table_;
  std::uint64_t function_data_ = 0;  // where what functions refer to begins; 0: not known
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
