#include "preload/linked_object.h"

#include <string.h>
#include <sys/mman.h>

#include "memtrack/pages.h"

namespace heapwatch::preload {

namespace {

constexpr std::uintptr_t page_mask = memtrack::page_bytes - 1;

/// Of the page that an address of the object lies in; PROT_NONE where that is not known. Part of a
/// table is read only once the loader is through with it (PT_GNU_RELRO, in whole pages: the last
/// one is cut off).
int protection_of(const dl_phdr_info& object, std::uintptr_t address) {
  int protection = PROT_NONE;
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    const std::uintptr_t begin = object.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && address - begin < segment.p_memsz) {
      protection = ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
                   ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                   ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
    }
  }
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    const std::uintptr_t begin = (object.dlpi_addr + segment.p_vaddr) & ~page_mask;
    const std::uintptr_t end = (object.dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~page_mask;
    if (segment.p_type == PT_GNU_RELRO && address >= begin && address < end) {
      protection = PROT_READ;
    }
  }
  return protection;
}

}  // namespace

bool find_tables(const dl_phdr_info& object, Tables& tables) noexcept {
  const ElfW(Dyn)* dynamic = nullptr;
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dynamic = at<const ElfW(Dyn)>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    }
  }
  bool has_calls_with_addend = false;
  for (; dynamic != nullptr && dynamic->d_tag != DT_NULL; ++dynamic) {
    const std::uintptr_t value = dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB:
        tables.symbols = at<const ElfW(Sym)>(value);
        break;
      case DT_STRTAB:
        tables.names = at<const char>(value);
        break;
      case DT_GNU_HASH:
        tables.hash = at<const std::uint32_t>(value);
        break;
      case DT_JMPREL:
        tables.calls = at<const ElfW(Rela)>(value);
        break;
      case DT_PLTRELSZ:
        tables.calls_bytes = value;
        break;
      case DT_PLTREL:
        has_calls_with_addend = value == DT_RELA;
        break;
      case DT_RELA:
        tables.others = at<const ElfW(Rela)>(value);
        break;
      case DT_RELASZ:
        tables.others_bytes = value;
        break;
      default:
        break;
    }
  }
  if (!has_calls_with_addend) {
    tables.calls_bytes = 0;
  }
  return tables.symbols != nullptr && tables.names != nullptr;
}

const ElfW(Sym) * find_defined(const Tables& tables, const char* name) noexcept {
  if (tables.hash == nullptr || tables.hash[0] == 0) {
    return nullptr;
  }
  std::uint32_t hash = 5381;
  for (const char* c = name; *c != '\0'; ++c) {
    hash = hash * 33 + static_cast<unsigned char>(*c);
  }
  const std::uint32_t bucket_count = tables.hash[0];
  const std::uint32_t first = tables.hash[1];
  const std::size_t bloom_words = tables.hash[2];
  const std::uint32_t* const buckets = tables.hash + 4 + bloom_words * 2;
  const std::uint32_t* const chain = buckets + bucket_count;
  for (std::uint32_t i = buckets[hash % bucket_count]; i >= first; ++i) {
    const std::uint32_t word = chain[i - first];
    const ElfW(Sym)& symbol = tables.symbols[i];
    if ((word | 1U) == (hash | 1U) && symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0 &&
        ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
        strcmp(tables.names + symbol.st_name, name) == 0) {
      return &symbol;
    }
    if ((word & 1U) != 0) {
      break;
    }
  }
  return nullptr;
}

bool is_inside(const dl_phdr_info& object, std::uintptr_t address) noexcept {
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type == PT_LOAD &&
        address - (object.dlpi_addr + segment.p_vaddr) < segment.p_memsz) {
      return true;
    }
  }
  return false;
}

bool is_loader(const dl_phdr_info& object) noexcept {
  return object.dlpi_name != nullptr && strstr(object.dlpi_name, "/ld-linux") != nullptr;
}

bool is_of_kernel(const dl_phdr_info& object) noexcept {
  return object.dlpi_name != nullptr && strstr(object.dlpi_name, "linux-vdso") != nullptr;
}

bool write_word(const dl_phdr_info& object, std::uintptr_t address, std::uintptr_t value) noexcept {
  auto* const page = at<void>(address & ~page_mask);
  const int protection = protection_of(object, address);
  const bool is_closed = (protection & PROT_WRITE) == 0;
  if (protection == PROT_NONE || address % sizeof value != 0 ||
      (is_closed && mprotect(page, memtrack::page_bytes, protection | PROT_WRITE) != 0)) {
    return false;
  }
  __atomic_store_n(at<std::uintptr_t>(address), value, __ATOMIC_RELEASE);
  if (is_closed) {
    mprotect(page, memtrack::page_bytes, protection);
  }
  return true;
}

}  // namespace heapwatch::preload
