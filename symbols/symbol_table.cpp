#include "symbols/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace heapwatch::symbols {

namespace {

constexpr std::size_t table_bytes_max = std::size_t{256} << 20U;
constexpr std::size_t names_bytes_max = std::size_t{512} << 20U;
constexpr std::size_t packed_bytes_max = std::size_t{32} << 20U;
constexpr std::size_t unpacked_bytes_max = std::size_t{128} << 20U;

bool is_function(const ElfFile& elf, const Elf64_Sym& symbol) {
  const unsigned kind = ELF64_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_name == 0) {
    return false;
  }
  // Labels of assembly code have no type; what stands outside of code is data.
  return kind == STT_FUNC || kind == STT_GNU_IFUNC ||
         (kind == STT_NOTYPE && symbol.st_shndx < elf.sections().size() &&
          (elf.sections()[symbol.st_shndx].flags & SHF_EXECINSTR) != 0);
}

std::uint8_t rank_of(const Elf64_Sym& symbol) {
  const unsigned bind = ELF64_ST_BIND(symbol.st_info);
  const bool is_typed = ELF64_ST_TYPE(symbol.st_info) != STT_NOTYPE;
  return static_cast<std::uint8_t>((is_typed ? 4 : 0) + (bind == STB_GLOBAL ? 2 : 0) +
                                   (bind == STB_WEAK ? 1 : 0));
}

}  // namespace

void SymbolTable::add(const ElfFile& elf) {
  const bool has_all = add_table(elf, SHT_SYMTAB);
  if (!has_all) {
    add_table(elf, SHT_DYNSYM);
  }
  const Section* const packed = has_all ? nullptr : elf.find(".gnu_debugdata");
  if (packed == nullptr) {
    return;
  }
  const auto bytes = elf.read(*packed, packed_bytes_max);
  auto unpacked = bytes ? unpack_xz(*bytes, unpacked_bytes_max) : bytes;
  const auto inner = unpacked ? ElfFile::from_bytes(std::move(*unpacked))
                              : base::Result<ElfFile>(tl::unexpected(unpacked.error()));
  if (inner) {
    add_table(*inner, SHT_SYMTAB);
  }
}

bool SymbolTable::add_table(const ElfFile& elf, std::uint32_t type) {
  const auto& sections = elf.sections();
  const auto table = std::find_if(sections.begin(), sections.end(),
                                  [&](const Section& section) { return section.type == type; });
  if (table == sections.end() || table->link >= sections.size()) {
    return false;
  }
  const auto symbols = elf.read(*table, table_bytes_max);
  const auto names = elf.read(sections[table->link], names_bytes_max);
  if (!symbols || !names ||
      names_.size() + names->size() >= std::numeric_limits<std::uint32_t>::max()) {
    return false;
  }
  const std::size_t before = entries_.size();
  const auto first_name = static_cast<std::uint32_t>(names_.size());
  for (std::size_t at = 0; symbols->size() - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols->data() + at, sizeof symbol);
    if (is_function(elf, symbol) && symbol.st_name < names->size()) {
      entries_.push_back(
          {symbol.st_value, symbol.st_size, first_name + symbol.st_name, rank_of(symbol)});
    }
  }
  names_ += *names;
  names_ += '\0';
  return entries_.size() > before;
}

void SymbolTable::finish() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    if (a.start != b.start) {
      return a.start < b.start;
    }
    return a.rank != b.rank ? a.rank < b.rank : a.name > b.name;
  });
  entries_.shrink_to_fit();
}

SymbolTable::Symbol SymbolTable::find(std::uint64_t address) const {
  auto after = std::upper_bound(
      entries_.begin(), entries_.end(), address,
      [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.start; });
  // Assembly code has symbols without a size, and small symbols may stand inside larger ones.
  constexpr int steps_max = 16;
  for (int step = 0; step < steps_max && after != entries_.begin(); ++step) {
    const Entry& entry = *--after;
    if (entry.size == 0 ? step == 0 : address - entry.start < entry.size) {
      const char* const name = names_.c_str() + entry.name;
      return {{name, std::strlen(name)}, entry.start};
    }
  }
  return {};
}

std::vector<SymbolTable::Function> SymbolTable::functions() const {
  std::vector<Function> all;
  all.reserve(entries_.size());
  std::uint64_t next = 0;  // where the next one begins
  for (std::size_t i = entries_.size(); i-- > 0;) {
    const Entry& entry = entries_[i];
    if (i + 1 < entries_.size() && entries_[i + 1].start != entry.start) {
      next = entries_[i + 1].start;
    }
    const char* const name = names_.c_str() + entry.name;
    const std::uint64_t limit =
        entry.size == 0 ? std::max(next, entry.start) : entry.start + entry.size;
    all.push_back({{name, std::strlen(name)}, entry.start, limit});
  }
  std::reverse(all.begin(), all.end());
  return all;
}

std::size_t SymbolTable::bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.capacity();
}

}  // namespace heapwatch::symbols
