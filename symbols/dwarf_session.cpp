#include "symbols/dwarf_session.h"

#include <dwarf.h>
#include <elf.h>
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "symbols/dwarf_package.h"

namespace heapwatch::symbols {

namespace {

constexpr std::size_t dwarf_name_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t image_bytes_max = std::size_t{1} << 30U;
constexpr std::size_t split_name_bytes = 32;
constexpr std::string_view split_name_mark = "heapwatch: a file of a package";
static_assert(split_name_mark.size() < split_name_bytes);

std::uint64_t unsigned_leb128(const unsigned char* at, const unsigned char* end) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; at != end && shift < 64; shift += 7, ++at) {
    value |= std::uint64_t{*at & 0x7fU} << shift;
    if ((*at & 0x80U) == 0) {
      break;
    }
  }
  return value;
}

/// The number of a text, of a form that has it so; nothing for other forms.
std::optional<std::uint64_t> text_number(unsigned form, const unsigned char* at,
                                         const unsigned char* end) {
  const auto left = static_cast<std::size_t>(end - at);
  const auto of_bytes = [&](std::size_t bytes) -> std::optional<std::uint64_t> {
    std::uint64_t value = 0;
    if (bytes > left) {
      return std::nullopt;
    }
    std::memcpy(&value, at, bytes);
    return value;
  };
  switch (form) {
    case DW_FORM_strx1:
      return of_bytes(1);
    case DW_FORM_strx2:
      return of_bytes(2);
    case DW_FORM_strx3:
      return of_bytes(3);
    case DW_FORM_strx4:
      return of_bytes(4);
    case DW_FORM_strx:
    case DW_FORM_GNU_str_index:
      return unsigned_leb128(at, end);
    default:
      return std::nullopt;
  }
}

}  // namespace

void sort(std::vector<DwarfRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const DwarfRange& a, const DwarfRange& b) {
    return a.start != b.start ? a.start < b.start : a.limit > b.limit;
  });
}

const DwarfRange* find(const std::vector<DwarfRange>& ranges, std::uint64_t address) {
  auto after = std::upper_bound(
      ranges.begin(), ranges.end(), address,
      [](std::uint64_t wanted, const DwarfRange& range) { return wanted < range.start; });
  constexpr int steps_max = 32;
  for (int step = 0; step < steps_max && after != ranges.begin(); ++step) {
    const DwarfRange& range = *--after;
    if (address < range.limit) {
      return &range;
    }
  }
  return nullptr;
}

std::string limited(const char* text) {
  return text == nullptr ? std::string() : std::string(text, strnlen(text, dwarf_name_bytes_max));
}

DwarfSession::DwarfSession(const Libdw& lib, const ElfFile& elf, const DwarfLimits& limits)
    : lib_(lib),
      file_(fcntl(elf.descriptor(), F_DUPFD_CLOEXEC, 0)),
      folder_(std::filesystem::path(elf.path()).parent_path()),
      limits_(limits) {}

void DwarfSession::close() {
  if (dwarf_ != nullptr) {
    lib_.end(dwarf_);
    dwarf_ = nullptr;
  }
  if (elf_ != nullptr) {
    lib_.elf_end(elf_);
    elf_ = nullptr;
  }
}

bool DwarfSession::reopen() {
  close();
  kept_ = 0;
  units_with_lines_.clear();
  ++openings_;
  elf_ = image_.empty() ? lib_.elf_begin(file_.get(),
                                         limits_.is_mapped ? ELF_C_READ_MMAP : ELF_C_READ, nullptr)
                        : lib_.elf_memory(image_.data(), image_.size());
  dwarf_ = elf_ == nullptr ? nullptr : lib_.begin_elf(elf_, DWARF_C_READ, nullptr);
  return dwarf_ != nullptr;
}

bool DwarfSession::count() {
  ++kept_;
  return ++entries_ <= limits_.entries_max && table_bytes_ <= limits_.tables_bytes_max;
}

base::Result<void> DwarfSession::copy_sections(const ElfFile& elf) {
  std::vector<std::pair<std::string, std::string>> sections;
  std::size_t left = image_bytes_max;
  for (const Section& section : elf.sections()) {
    if (!section.name.starts_with(".debug_")) {
      continue;
    }
    if ((section.flags & SHF_COMPRESSED) != 0) {
      return base::fail(base::ErrorKind::invalid, "compressed DWARF");
    }
    auto content = elf.read(section, left);
    if (!content) {
      return tl::unexpected(content.error());
    }
    left -= content->size();
    if (section.name == ".debug_str") {
      split_offset_ = static_cast<std::uint32_t>(content->size());
      content->append(split_name_mark).resize(split_offset_ + split_name_bytes);
    }
    sections.emplace_back(section.name, *std::move(content));
  }
  image_ = make_elf(elf.machine(), sections);
  if (const auto made = ElfFile::from_bytes(image_); made) {
    const Section* const offsets = made->find(".debug_str_offsets");
    text_offsets_ = offsets == nullptr ? 0 : offsets->offset;
  }
  const std::size_t at = image_.find(split_name_mark);
  if (split_offset_ == 0 || at == std::string::npos) {
    image_.clear();
    return base::fail(base::ErrorKind::invalid, "DWARF without texts");
  }
  split_name_ = at;
  return {};
}

bool DwarfSession::name_split_file(Dwarf_Die& unit, Dwarf_Attribute& name,
                                   const base::Descriptor& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.get());
  auto* const begin = reinterpret_cast<unsigned char*>(image_.data());
  const unsigned char* const end = begin + image_.size();
  const auto lies_in_image = [&](const unsigned char* at) {
    return at >= begin && at <= end - sizeof split_offset_;
  };
  if (path.size() >= split_name_bytes || !lies_in_image(name.valp)) {
    return false;
  }
  unsigned char* entry = name.valp;
  if (const auto number = text_number(name.form, name.valp, end); number) {
    // A table of offsets that the unit says the beginning of.
    Dwarf_Attribute base;
    Dwarf_Off offset = 8;
    if (text_offsets_ == 0) {
      return false;
    }
    if (lib_.attr(&unit, DW_AT_str_offsets_base, &base) != nullptr &&
        lib_.formudata(&base, &offset) != 0) {
      return false;
    }
    entry = begin + text_offsets_ + offset + *number * 4;
  } else if (name.form != DW_FORM_strp) {
    return false;
  }
  if (!lies_in_image(entry)) {
    return false;
  }
  std::memcpy(entry, &split_offset_, sizeof split_offset_);
  std::memcpy(image_.data() + split_name_, path.c_str(), path.size() + 1);
  return true;
}

void DwarfSession::count_lines(Dwarf_Die& unit) {
  const std::uint64_t entry = lib_.dieoffset(&unit);
  const auto at = std::lower_bound(units_with_lines_.begin(), units_with_lines_.end(), entry);
  if (at != units_with_lines_.end() && *at == entry) {
    return;
  }
  units_with_lines_.insert(at, entry);
  Dwarf_Lines* lines = nullptr;
  std::size_t count = 0;
  if (lib_.getsrclines(&unit, &lines, &count) == 0) {
    kept_ += count;
  }
}

bool DwarfSession::count_file(std::uint64_t bytes) {
  if (bytes > limits_.sections_bytes_max - other_files_bytes_) {
    return false;
  }
  other_files_bytes_ += bytes;
  return true;
}

}  // namespace heapwatch::symbols
