// A package has the sections of many `.dwo` files, one after the other, and an index: a hash table
// of the ids of units, and a table that says for each unit which piece of which section is its own
// (DWARF 5, 7.3.5; the version 2 of GNU is the same but for the numbers of sections). Only the
// texts are common to all.
//
// libdw of elfutils 0.188 reads `.dwo` files and no packages. So the pieces of a unit that is asked
// for are put together to a `.dwo` file again, in memory. Texts are what makes packages large: a
// unit gets those that it refers to.
#include "symbols/dwarf_package.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace heapwatch::symbols {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t package_bytes_max = std::size_t{1} << 32U;  // its offsets have 32 bits
constexpr std::size_t index_bytes_max = std::size_t{256} << 20U;
constexpr std::size_t strings_bytes_max = std::size_t{1} << 30U;
constexpr std::size_t unit_bytes_max = std::size_t{256} << 20U;
constexpr std::uint32_t columns_max = 16;

struct Kind {
  std::uint32_t number;
  std::string_view section;
};
constexpr std::uint32_t string_offsets = 6;
constexpr std::array<Kind, 6> kinds_of_5{{{1, ".debug_info.dwo"},
                                          {3, ".debug_abbrev.dwo"},
                                          {4, ".debug_line.dwo"},
                                          {5, ".debug_loclists.dwo"},
                                          {string_offsets, ".debug_str_offsets.dwo"},
                                          {8, ".debug_rnglists.dwo"}}};
constexpr std::array<Kind, 5> kinds_of_2{{{1, ".debug_info.dwo"},
                                          {3, ".debug_abbrev.dwo"},
                                          {4, ".debug_line.dwo"},
                                          {5, ".debug_loc.dwo"},
                                          {string_offsets, ".debug_str_offsets.dwo"}}};

std::string_view section_of(std::uint32_t version, std::uint32_t number) {
  const Kind* const begin = version == 5 ? kinds_of_5.data() : kinds_of_2.data();
  const Kind* const end = begin + (version == 5 ? kinds_of_5.size() : kinds_of_2.size());
  const Kind* const found =
      std::find_if(begin, end, [&](const Kind& kind) { return kind.number == number; });
  return found == end ? std::string_view() : found->section;
}

template <typename T>
T number_at(std::string_view bytes, std::size_t at) {
  T value{};
  if (at <= bytes.size() && sizeof value <= bytes.size() - at) {
    std::memcpy(&value, bytes.data() + at, sizeof value);
  }
  return value;
}

template <typename T>
void append_raw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::string make_elf(std::uint16_t machine,
                     const std::vector<std::pair<std::string, std::string>>& sections) {
  constexpr std::size_t alignment = 16;
  Elf64_Ehdr head{};
  std::memcpy(head.e_ident, ELFMAG, SELFMAG);
  head.e_ident[EI_CLASS] = ELFCLASS64;
  head.e_ident[EI_DATA] = ELFDATA2LSB;
  head.e_ident[EI_VERSION] = EV_CURRENT;
  head.e_type = ET_REL;
  head.e_machine = machine;
  head.e_version = EV_CURRENT;
  head.e_ehsize = sizeof(Elf64_Ehdr);
  head.e_shentsize = sizeof(Elf64_Shdr);
  head.e_shnum = static_cast<Elf64_Half>(sections.size() + 2);
  head.e_shstrndx = static_cast<Elf64_Half>(sections.size() + 1);
  std::string names(1, '\0');
  std::vector<Elf64_Shdr> headers(1);
  std::string body(sizeof head, '\0');
  const auto add = [&](const std::string& name, std::string_view content, Elf64_Word type) {
    body.resize((body.size() + alignment - 1) & ~(alignment - 1));
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(names.size());
    header.sh_type = type;
    header.sh_offset = body.size();
    header.sh_size = content.size();
    header.sh_addralign = 1;
    headers.push_back(header);
    names += name;
    names += '\0';
    body += content;
  };
  for (const auto& [name, content] : sections) {
    add(name, content, SHT_PROGBITS);
  }
  std::string all_names = names + std::string(".shstrtab") + '\0';
  add(".shstrtab", all_names, SHT_STRTAB);
  body.resize((body.size() + alignment - 1) & ~(alignment - 1));
  head.e_shoff = body.size();
  for (const Elf64_Shdr& header : headers) {
    append_raw(body, header);
  }
  std::memcpy(body.data(), &head, sizeof head);
  return body;
}

Result<std::unique_ptr<DwarfPackage>> DwarfPackage::open(const ElfFile& elf,
                                                         const DwarfLimits& limits) {
  if (elf.path().empty()) {
    return fail(ErrorKind::not_found, "no file");
  }
  auto file = ElfFile::open(elf.path() + ".dwp");
  if (!file) {
    return tl::unexpected(file.error());
  }
  std::uint64_t total = 0;
  for (const Section& section : file->sections()) {
    total += section.type == SHT_NOBITS ? 0 : section.bytes;
    if ((section.flags & SHF_COMPRESSED) != 0) {
      return fail(ErrorKind::invalid, "a compressed package");
    }
  }
  if (total > std::min(limits.sections_bytes_max, package_bytes_max)) {
    return fail(ErrorKind::limit, "too large a package");
  }
  std::unique_ptr<DwarfPackage> package(new DwarfPackage(std::move(*file)));
  if (auto read = package->read_index(); !read) {
    return tl::unexpected(read.error());
  }
  return package;
}

Result<void> DwarfPackage::read_index() {
  const Section* const section = elf_.find(".debug_cu_index");
  const auto read = section == nullptr ? base::fail(ErrorKind::not_found, "no index of units")
                                       : elf_.read(*section, index_bytes_max);
  if (!read) {
    return tl::unexpected(read.error());
  }
  const std::string_view index = *read;
  // Of version 5 it is 16 bits, and 16 that are zero.
  version_ = number_at<std::uint32_t>(index, 0);
  const std::uint64_t columns = number_at<std::uint32_t>(index, 4);
  const std::uint64_t units = number_at<std::uint32_t>(index, 8);
  const std::uint64_t slots = number_at<std::uint32_t>(index, 12);
  constexpr std::uint64_t head_bytes = 16;
  constexpr std::uint64_t slot_bytes = 12;
  const std::uint64_t bytes = head_bytes + slots * slot_bytes + columns * 4 * (1 + 2 * units);
  if ((version_ != 5 && version_ != 2) || columns > columns_max || bytes > index.size()) {
    return fail(ErrorKind::invalid, "an index of units that cannot be read");
  }
  const std::uint64_t rows_at = head_bytes + slots * 8;
  const std::uint64_t columns_at = rows_at + slots * 4;
  for (std::uint64_t i = 0; i < columns; ++i) {
    columns_.push_back(number_at<std::uint32_t>(index, columns_at + i * 4));
  }
  const std::uint64_t offsets_at = columns_at + columns * 4;
  const std::uint64_t sizes_at = offsets_at + units * columns * 4;
  for (std::uint64_t slot = 0; slot < slots; ++slot) {
    const std::uint64_t row = number_at<std::uint32_t>(index, rows_at + slot * 4);
    if (row == 0 || row > units) {
      continue;
    }
    Pieces& pieces = units_[number_at<std::uint64_t>(index, head_bytes + slot * 8)];
    pieces.clear();
    for (std::uint64_t column = 0; column < columns; ++column) {
      const std::uint64_t at = ((row - 1) * columns + column) * 4;
      pieces.push_back({number_at<std::uint32_t>(index, offsets_at + at),
                        number_at<std::uint32_t>(index, sizes_at + at)});
    }
  }
  const Section* const strings = elf_.find(".debug_str.dwo");
  auto texts = strings == nullptr ? Result<std::string>() : elf_.read(*strings, strings_bytes_max);
  if (!texts) {
    return tl::unexpected(texts.error());
  }
  strings_ = *std::move(texts);
  return {};
}

std::string DwarfPackage::piece_of(const Piece& piece, std::string_view section) const {
  const Section* const whole = elf_.find(section);
  if (whole == nullptr || piece.offset > whole->bytes ||
      piece.bytes > whole->bytes - piece.offset) {
    return {};
  }
  Section part = *whole;
  part.offset += piece.offset;
  part.bytes = piece.bytes;
  return elf_.read(part, unit_bytes_max).value_or("");
}

/// Puts the texts that the offsets lead to into `strings`, and has the offsets lead to them there.
void DwarfPackage::compact_strings(std::string& offsets, std::string& strings) const {
  constexpr std::size_t head_bytes = 8;
  strings.assign(1, '\0');
  for (std::size_t at = version_ == 5 ? head_bytes : 0; at + 4 <= offsets.size(); at += 4) {
    const auto from = number_at<std::uint32_t>(offsets, at);
    std::uint32_t to = 0;
    if (from < strings_.size() && strings.size() < unit_bytes_max) {
      to = static_cast<std::uint32_t>(strings.size());
      const char* const text = strings_.data() + from;
      strings.append(text, strnlen(text, strings_.size() - from));
      strings += '\0';
    }
    std::memcpy(offsets.data() + at, &to, sizeof to);
  }
}

base::Descriptor DwarfPackage::unit_file(std::uint64_t id) const {
  const auto found = units_.find(id);
  if (found == units_.end()) {
    return {};
  }
  std::vector<std::pair<std::string, std::string>> sections;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const std::string_view name = section_of(version_, columns_[column]);
    if (name.empty()) {
      continue;
    }
    std::string content = piece_of(found->second[column], name);
    if (columns_[column] == string_offsets) {
      std::string strings;
      compact_strings(content, strings);
      sections.emplace_back(".debug_str.dwo", std::move(strings));
    }
    sections.emplace_back(name, std::move(content));
  }
  const std::string bytes = make_elf(elf_.machine(), sections);
  base::Descriptor file(memfd_create("heapwatch-unit", MFD_CLOEXEC));
  std::size_t written = 0;
  while (file.get() >= 0 && written < bytes.size()) {
    const ssize_t step = write(file.get(), bytes.data() + written, bytes.size() - written);
    if (step <= 0) {
      return {};
    }
    written += static_cast<std::size_t>(step);
  }
  return file;
}

}  // namespace heapwatch::symbols
