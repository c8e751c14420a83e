// The table is a header of offsets to parts: names of functions, units (for each its files, as
// offsets to names), names of files, tables of values by address, and the functions, sorted by
// address. A function names its tables of values: one for files, one for lines. Such a table is a
// list of pairs of varints, by how much the value and the address go on; it ends in a pair whose
// first is 0. Offsets are checked where they are read: outside of the table there is 0.
#include "symbols/go_lines.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t go_table_bytes_max = std::size_t{512} << 20U;
constexpr std::size_t relocations_bytes_max = std::size_t{64} << 20U;
constexpr std::size_t go_name_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t pairs_max = 10'000'000;  // of a table of values
constexpr std::uint32_t magic_of_16 = 0xfffffffa;
constexpr std::uint32_t magic_of_18 = 0xfffffff0;
constexpr std::uint32_t magic_of_20 = 0xfffffff1;

/// What the loader adds to the start of the program for a pointer at this address; 0: nothing.
std::uint64_t relocated(const ElfFile& elf, std::uint64_t address) {
  for (const Section& section : elf.sections()) {
    if (section.type != SHT_RELA) {
      continue;
    }
    const auto bytes = elf.read(section, relocations_bytes_max);
    if (!bytes) {
      continue;
    }
    for (std::size_t at = 0; bytes->size() - at >= sizeof(Elf64_Rela); at += sizeof(Elf64_Rela)) {
      Elf64_Rela relocation;
      std::memcpy(&relocation, bytes->data() + at, sizeof relocation);
      if (relocation.r_offset == address) {
        return static_cast<std::uint64_t>(relocation.r_addend);
      }
    }
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<GoLines>> GoLines::open(const ElfFile& elf) {
  std::unique_ptr<GoLines> lines(new GoLines);
  if (const Section* const section = elf.find(".gopclntab"); section != nullptr) {
    auto bytes = elf.read(*section, go_table_bytes_max);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    lines->table_ = std::move(*bytes);
    if (auto read = lines->read_head(elf, section->address); !read) {
      return tl::unexpected(read.error());
    }
    return lines;
  }
  // A linker of C makes it a part of this section when it builds a program that runs anywhere.
  const Section* const section = elf.find(".data.rel.ro");
  if (section == nullptr || elf.find(".note.go.buildid") == nullptr) {
    return fail(ErrorKind::not_found, "no .gopclntab");
  }
  const auto bytes = elf.read(*section, go_table_bytes_max);
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  constexpr std::size_t alignment = 32;
  const std::size_t first = (alignment - section->address % alignment) % alignment;
  for (std::size_t at = first; at < bytes->size(); at += alignment) {
    // The first byte of the magic number is one of three, the next three are 0xff.
    if (bytes->compare(at + 1, 5, std::string_view("\xff\xff\xff\0\0", 5)) != 0) {
      continue;
    }
    lines->table_ = bytes->substr(at);
    if (lines->read_head(elf, section->address + at)) {
      return lines;
    }
  }
  return fail(ErrorKind::not_found, "no .gopclntab");
}

Result<void> GoLines::read_head(const ElfFile& elf, std::uint64_t table_address) {
  const std::uint64_t magic = number(0, 4);
  constexpr std::uint64_t pointer_bytes = 8;
  if (number(7, 1) != pointer_bytes ||
      (magic != magic_of_16 && magic != magic_of_18 && magic != magic_of_20)) {
    return fail(ErrorKind::invalid, "a .gopclntab that is none of Go 1.16 and later");
  }
  has_offsets_ = magic != magic_of_16;
  has_start_lines_ = magic == magic_of_20;
  quantum_ = std::max<std::uint64_t>(number(6, 1), 1);
  std::uint64_t at = 8;
  const auto next = [&] {
    at += pointer_bytes;
    return number(at - pointer_bytes, pointer_bytes);
  };
  function_count_ = next();
  (void)next();  // how many files there are
  if (has_offsets_) {
    text_start_ = next();
    if (text_start_ == 0) {
      text_start_ = relocated(elf, table_address + at - pointer_bytes);
    }
    if (const Section* const code = elf.find(".text"); text_start_ == 0 && code != nullptr) {
      text_start_ = code->address;
    }
  }
  names_ = next();
  units_ = next();
  files_ = next();
  values_ = next();
  functions_ = next();
  const std::uint64_t entry = has_offsets_ ? 8 : 16;
  if (functions_ > table_.size() || function_count_ > (table_.size() - functions_) / entry) {
    return fail(ErrorKind::invalid, "a .gopclntab that is cut off");
  }
  return {};
}

std::uint64_t GoLines::number(std::uint64_t at, std::size_t bytes) const {
  std::uint64_t value = 0;
  if (at <= table_.size() && table_.size() - at >= bytes) {
    std::memcpy(&value, table_.data() + at, bytes);
  }
  return value;
}

std::string GoLines::text(std::uint64_t at) const {
  if (at >= table_.size()) {
    return {};
  }
  return std::string(table_.data() + at,
                     strnlen(table_.data() + at, std::min(go_name_bytes_max, table_.size() - at)));
}

std::uint64_t GoLines::start_of(std::uint64_t index) const {
  return has_offsets_ ? text_start_ + number(functions_ + index * 8, 4)
                      : number(functions_ + index * 16, 8);
}

std::int64_t GoLines::value_at(std::uint64_t table, std::uint64_t start,
                               std::uint64_t address) const {
  std::uint64_t at = values_ + table;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const std::uint64_t byte = number(at++, 1);
      value |= (byte & 0x7fU) << shift;
      if ((byte & 0x80U) == 0) {
        break;
      }
    }
    return static_cast<std::uint32_t>(value);
  };
  std::int64_t value = -1;
  std::uint64_t place = start;
  for (std::size_t i = 0; i < pairs_max && at < table_.size(); ++i) {
    const std::uint32_t step = varint();
    if (step == 0 && i != 0) {
      break;
    }
    value += (step & 1U) != 0 ? -static_cast<std::int64_t>((step >> 1U) + 1)
                              : static_cast<std::int64_t>(step >> 1U);
    place += std::uint64_t{varint()} * quantum_;
    if (address < place) {
      return value;
    }
  }
  return -1;
}

std::string GoLines::file_name(std::uint64_t function, std::int64_t file) const {
  if (file < 0) {
    return {};
  }
  const std::uint64_t unit = number(function + (has_offsets_ ? 32 : 36), 4);
  const std::uint64_t offset = number(units_ + (unit + static_cast<std::uint64_t>(file)) * 4, 4);
  return offset == 0xffffffff ? std::string() : text(files_ + offset);
}

std::vector<Frame> GoLines::frames(std::uint64_t address) const {
  std::uint64_t low = 0;
  std::uint64_t high = function_count_;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (start_of(middle) <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  // Behind the functions stands where the last one ends.
  if (low == 0 || low > function_count_ || address >= start_of(function_count_)) {
    return {};
  }
  const std::uint64_t entry = functions_ + (low - 1) * (has_offsets_ ? 8 : 16);
  const std::uint64_t function =
      functions_ + (has_offsets_ ? number(entry + 4, 4) : number(entry + 8, 8));
  const std::uint64_t start = start_of(low - 1);
  // nameoff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, startLine; before 1.18 the
  // entry has 8 bytes instead of 4.
  const std::uint64_t fields = function + (has_offsets_ ? 4 : 8);
  Frame frame;
  frame.system_name = text(names_ + number(fields, 4));
  if (frame.system_name.empty()) {
    return {};
  }
  frame.function = frame.system_name;
  frame.file = file_name(function, value_at(number(fields + 16, 4), start, address));
  frame.line = std::max<std::int64_t>(value_at(number(fields + 20, 4), start, address), 0);
  frame.start_line = has_start_lines_ ? static_cast<std::int64_t>(number(fields + 32, 4)) : 0;
  frame.offset = address - start;
  return {frame};
}

}  // namespace heapwatch::symbols
