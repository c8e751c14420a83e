// An ELF file of 64 bits: its sections, its segments and its build id, read as far as they are
// asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::symbols {

struct Section {
  std::string name;
  std::uint32_t type = 0;
  std::uint32_t link = 0;
  std::uint64_t flags = 0;
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// Bytes are read by copying, never mapped: a file that others cut short meanwhile costs an error.
///
/// Threads: not safe.
class ElfFile {
 public:
  /// Errors: not_found and io with the system's words, invalid for what is no such file.
  [[nodiscard]] static base::Result<ElfFile> open(const std::string& path);
  /// A file that is in memory already.
  [[nodiscard]] static base::Result<ElfFile> from_bytes(std::string bytes);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }
  [[nodiscard]] const std::vector<Section>& sections() const { return sections_; }
  /// Null when there is none of this name.
  [[nodiscard]] const Section* find(std::string_view name) const;
  /// Its bytes as they lie in the file. Errors: limit when there are more than `bytes_max`, invalid
  /// when the file ends before.
  [[nodiscard]] base::Result<std::string> read(const Section& section, std::size_t bytes_max) const;
  /// The bytes that are loaded at an address, as the file counts. Errors: not_found where the file
  /// has none there, io.
  [[nodiscard]] base::Result<std::string> read_at_address(std::uint64_t address,
                                                          std::size_t bytes) const;
  /// In hexadecimal digits; empty: none.
  [[nodiscard]] const std::string& build_id() const { return build_id_; }
  /// As ELF numbers them: 62 is x86-64.
  [[nodiscard]] std::uint16_t machine() const { return machine_; }
  /// True for a program that runs at the addresses of its file.
  [[nodiscard]] bool is_fixed() const { return is_fixed_; }
  /// The address, as the file counts, of what lies at an offset; none where nothing is loaded.
  [[nodiscard]] std::optional<std::uint64_t> address_of(std::uint64_t offset) const;
  /// Whether code lies at this address, as the file counts.
  [[nodiscard]] bool has_code_at(std::uint64_t address) const;

 private:
  struct Segment {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint64_t address = 0;
  };

  ElfFile() = default;
  [[nodiscard]] base::Result<void> parse();
  [[nodiscard]] base::Result<void> read_sections(std::uint64_t offset, std::uint64_t count,
                                                 std::uint64_t names);
  void read_segments(std::uint64_t offset, std::uint64_t count);
  void read_build_id();
  [[nodiscard]] bool read_at(std::uint64_t offset, void* into, std::size_t bytes) const;

  std::string path_;
  base::Descriptor file_;
  std::string bytes_;  // where there is no file
  std::uint64_t size_ = 0;
  std::vector<Section> sections_;
  std::vector<Segment> segments_;
  std::string build_id_;
  std::uint16_t machine_ = 0;
  bool is_fixed_ = false;
};

}  // namespace heapwatch::symbols
