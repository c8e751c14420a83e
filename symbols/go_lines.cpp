// The table is a header of offsets to parts: names of functions, units (for each its files, as
// offsets to names), names of files, tables of values by address, and the functions, sorted by
// address. A function names its tables of values: one for files, one for lines. Such a table is a
// list of pairs of varints, by how much the value and the address go on; it ends in a pair whose
// first is 0. Offsets are checked where they are read: outside of the table there is 0.
//
// One of the tables of values numbers the inlined calls of the function. They are described outside
// of .gopclntab, relative to an address that only the runtime's description of the program has,
// which begins with the address of the table. An inlined call refers to an instruction of its
// caller, which has the file and the line of the call, and may be in an inlined call itself.
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
constexpr std::size_t data_bytes_max = std::size_t{256} << 20U;
constexpr std::size_t go_name_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t pairs_max = 10'000'000;  // of a table of values
constexpr std::uint64_t tree_table = 2;        // of a function's tables of values
constexpr std::uint32_t magic_of_16 = 0xfffffffa;
constexpr std::uint32_t magic_of_18 = 0xfffffff0;
constexpr std::uint32_t magic_of_20 = 0xfffffff1;

/// Calls `take` with each pointer that the loader makes: where it is, and what it adds to the start
/// of the program.
template <typename Take>
void each_relocation(const ElfFile& elf, const Take& take) {
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
      take(relocation.r_offset, static_cast<std::uint64_t>(relocation.r_addend));
    }
  }
}

/// The pointer at this address; 0: none.
std::uint64_t relocated(const ElfFile& elf, std::uint64_t address) {
  std::uint64_t found = 0;
  each_relocation(elf, [&](std::uint64_t at, std::uint64_t pointer) {
    if (at == address && found == 0) {
      found = pointer;
    }
  });
  return found;
}

std::uint64_t word_at(const std::string& bytes, std::size_t at) {
  std::uint64_t word = 0;
  if (at <= bytes.size() && bytes.size() - at >= sizeof word) {
    std::memcpy(&word, bytes.data() + at, sizeof word);
  }
  return word;
}

/// The runtime's description of the program, runtime.moduledata: its address, as the file counts.
/// It begins with the address of the table, and an address in the table. 0: not found.
std::uint64_t find_description(const ElfFile& elf, std::uint64_t table, std::uint64_t table_bytes) {
  const auto is_in_table = [&](std::uint64_t address) {
    return address > table && address - table < table_bytes;
  };
  for (const char* const name : {".noptrdata", ".go.module", ".data"}) {
    const Section* const section = elf.find(name);
    const auto bytes =
        section == nullptr ? std::string() : elf.read(*section, data_bytes_max).value_or("");
    for (std::size_t at = 0; at + 16 <= bytes.size(); at += 8) {
      if (word_at(bytes, at) == table && is_in_table(word_at(bytes, at + 8))) {
        return section->address + at;
      }
    }
  }
  std::uint64_t found = 0;
  std::uint64_t last = 0;  // relocations are sorted by address
  each_relocation(elf, [&](std::uint64_t at, std::uint64_t pointer) {
    if (found == 0 && last != 0 && at == last + 8 && is_in_table(pointer)) {
      found = last;
    }
    last = pointer == table ? at : 0;
  });
  return found;
}

/// What a function refers to is told by its offset from here. 0: not known.
std::uint64_t find_function_data(const ElfFile& elf, std::uint64_t table, std::uint64_t table_bytes,
                                 bool is_of_20) {
  const std::uint64_t description = find_description(elf, table, table_bytes);
  if (description == 0) {
    return 0;
  }
  const std::uint64_t field = description + (is_of_20 ? 320 : 304);
  const auto bytes = elf.read_at_address(field, sizeof field);
  const std::uint64_t value = bytes ? word_at(*bytes, 0) : 0;
  return value == 0 ? relocated(elf, field) : value;
}

}  // namespace

Result<std::unique_ptr<GoLines>> GoLines::open(const ElfFile& elf) {
  std::unique_ptr<GoLines> lines(new GoLines);
  lines->elf_ = &elf;
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
  if (has_offsets_) {
    function_data_ = find_function_data(elf, table_address, table_.size(), has_start_lines_);
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

std::vector<GoLines::Named> GoLines::functions() const {
  std::vector<Named> all;
  all.reserve(function_count_);
  for (std::uint64_t i = 0; i < function_count_; ++i) {
    const std::uint64_t start = start_of(i);
    if (const auto function = function_at(start); function && function->start == start) {
      all.push_back({text(names_ + number(function->fields, 4)), start, function->limit});
    }
  }
  return all;
}

std::optional<GoLines::Function> GoLines::function_at(std::uint64_t address) const {
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
    return std::nullopt;
  }
  const std::uint64_t entry = functions_ + (low - 1) * (has_offsets_ ? 8 : 16);
  Function function;
  function.start = start_of(low - 1);
  function.limit = start_of(low);
  function.at = functions_ + (has_offsets_ ? number(entry + 4, 4) : number(entry + 8, 8));
  // nameoff, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, startLine; before 1.18 the
  // entry has 8 bytes instead of 4.
  function.fields = function.at + (has_offsets_ ? 4 : 8);
  return function;
}

Frame GoLines::place_of(const Function& function, std::uint64_t address) const {
  Frame frame;
  frame.file =
      file_name(function.at, value_at(number(function.fields + 16, 4), function.start, address));
  frame.line =
      std::max<std::int64_t>(value_at(number(function.fields + 20, 4), function.start, address), 0);
  return frame;
}

std::int64_t GoLines::inlined_at(const Function& function, std::uint64_t address) const {
  if (function_data_ == 0 || number(function.fields + 24, 4) <= tree_table) {
    return -1;
  }
  const std::uint64_t behind = function.fields + (has_start_lines_ ? 36 : 32);
  const std::uint64_t values = number(behind + 4 + tree_table * 4, 4);
  return values == 0 ? -1 : value_at(values, function.start, address);
}

std::optional<GoLines::Inlined> GoLines::inlined(const Function& function,
                                                 std::int64_t call) const {
  constexpr std::uint64_t tree_reference = 3;
  constexpr std::uint64_t no_offset = 0xffffffff;
  constexpr std::int64_t calls_max = 1'000'000;
  const std::uint64_t tables = number(function.fields + 24, 4);
  const std::uint64_t behind = function.fields + (has_start_lines_ ? 36 : 32);
  const std::uint64_t references = number(behind + 3, 1);
  const std::uint64_t tree = number(behind + 4 + (tables + tree_reference) * 4, 4);
  if (call < 0 || call > calls_max || references <= tree_reference || tree == no_offset) {
    return std::nullopt;
  }
  // 1.18: parent, id, file, line, name, caller. 1.20: id, name, caller, start line.
  const std::uint64_t entry_bytes = has_start_lines_ ? 16 : 20;
  const auto entry = elf_->read_at_address(
      function_data_ + tree + static_cast<std::uint64_t>(call) * entry_bytes, entry_bytes);
  if (!entry) {
    return std::nullopt;
  }
  const auto field = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, entry->data() + at, sizeof value);
    return value;
  };
  Inlined inlined;
  inlined.name = text(names_ + field(has_start_lines_ ? 4 : 12));
  inlined.caller = function.start + field(has_start_lines_ ? 8 : 16);
  inlined.start_line = has_start_lines_ ? static_cast<std::int64_t>(field(12)) : 0;
  if (inlined.name.empty() || inlined.caller >= function.limit) {
    return std::nullopt;
  }
  inlined.parent = has_start_lines_ ? inlined_at(function, inlined.caller)
                                    : static_cast<std::int16_t>(field(0) & 0xffffU);
  return inlined;
}

std::vector<Frame> GoLines::frames(std::uint64_t address) const {
  constexpr std::size_t frames_max = 200;
  const auto function = function_at(address);
  std::string name = function ? text(names_ + number(function->fields, 4)) : std::string();
  if (name.empty()) {
    return {};
  }
  std::vector<Frame> frames;
  // The place of what is called from a place that the compiler has lost is that of the function.
  const auto place = [&](std::uint64_t at) {
    Frame found = place_of(*function, at);
    found.line = !frames.empty() && at == function->start ? 0 : found.line;
    return found;
  };
  std::uint64_t at = address;
  for (auto call = inlined(*function, inlined_at(*function, at));
       call && frames.size() < frames_max; call = inlined(*function, call->parent)) {
    Frame frame = place(at);
    frame.system_name = frame.function = std::move(call->name);
    frame.start_line = call->start_line;
    frame.is_inlined = true;
    at = call->caller;
    frames.push_back(std::move(frame));
  }
  Frame frame = place(at);
  frame.system_name = frame.function = std::move(name);
  frame.start_line =
      has_start_lines_ ? static_cast<std::int64_t>(number(function->fields + 32, 4)) : 0;
  frame.offset = address - function->start;
  frames.push_back(std::move(frame));
  return frames;
}

}  // namespace heapwatch::symbols
