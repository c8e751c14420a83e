// An object calls functions of other objects through a table of addresses, which the dynamic linker
// fills in, all at once or each at its first call. For each entry there is a relocation that names
// the function: DT_JMPREL has those of calls, DT_RELA those of addresses that are loaded for a
// call. Once the linker is through, it makes part of the table read only (PT_GNU_RELRO): such a
// page is made writable for the moment. An entry that was not filled in yet leads to the linker,
// which would write over it when it is called; with ours in its place it is not called any more.
#include "preload/imports.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include <cstdint>

#include "memtrack/pages.h"

namespace heapwatch::preload {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t entry_of_call = R_X86_64_JUMP_SLOT;
constexpr std::uint32_t entry_of_address = R_X86_64_GLOB_DAT;
#elif defined(__aarch64__)
constexpr std::uint32_t entry_of_call = R_AARCH64_JUMP_SLOT;
constexpr std::uint32_t entry_of_address = R_AARCH64_GLOB_DAT;
#endif

struct Work {
  const Import* imports;
  std::size_t count;
  bool (*is_wanted)(const char* path);
  std::size_t changed;
};

/// What the dynamic section says of an object.
struct Tables {
  const ElfW(Sym) * symbols;
  const char* names;
  const ElfW(Rela) * calls;
  std::size_t calls_bytes;
  const ElfW(Rela) * others;
  std::size_t others_bytes;
};

template <typename T>
const T* at(std::uintptr_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as the loader has it
  return reinterpret_cast<const T*>(address);
}

bool find_tables(const dl_phdr_info& object, Tables& tables) {
  const ElfW(Dyn)* dynamic = nullptr;
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC) {
      dynamic = at<ElfW(Dyn)>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    }
  }
  bool has_calls_with_addend = false;
  for (; dynamic != nullptr && dynamic->d_tag != DT_NULL; ++dynamic) {
    const std::uintptr_t value = dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB:
        tables.symbols = at<ElfW(Sym)>(value);
        break;
      case DT_STRTAB:
        tables.names = at<char>(value);
        break;
      case DT_JMPREL:
        tables.calls = at<ElfW(Rela)>(value);
        break;
      case DT_PLTRELSZ:
        tables.calls_bytes = value;
        break;
      case DT_PLTREL:
        has_calls_with_addend = value == DT_RELA;
        break;
      case DT_RELA:
        tables.others = at<ElfW(Rela)>(value);
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

/// Of the page that an entry lies in.
int protection_of(const dl_phdr_info& object, std::uintptr_t entry) {
  int protection = PROT_READ | PROT_WRITE;
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type == PT_GNU_RELRO &&
        entry - (object.dlpi_addr + segment.p_vaddr) < segment.p_memsz) {
      protection = PROT_READ;
    }
  }
  return protection;
}

bool change(const dl_phdr_info& object, std::uintptr_t entry, const void* to) {
  constexpr std::uintptr_t page_mask = memtrack::page_bytes - 1;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the page of an address
  auto* const page = reinterpret_cast<void*>(entry & ~page_mask);
  const int protection = protection_of(object, entry);
  const bool is_closed = (protection & PROT_WRITE) == 0;
  if (is_closed && mprotect(page, memtrack::page_bytes, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as the relocation has it
  __atomic_store_n(reinterpret_cast<const void**>(entry), to, __ATOMIC_RELEASE);
  if (is_closed) {
    mprotect(page, memtrack::page_bytes, protection);
  }
  return true;
}

void redirect(const dl_phdr_info& object, const Tables& tables, const ElfW(Rela) * relocations,
              std::size_t bytes, Work& work) {
  for (std::size_t i = 0; i < bytes / sizeof *relocations; ++i) {
    const ElfW(Rela)& relocation = relocations[i];
    const auto type = static_cast<std::uint32_t>(ELF64_R_TYPE(relocation.r_info));
    if (type != entry_of_call && type != entry_of_address) {
      continue;
    }
    const char* const name = tables.names + tables.symbols[ELF64_R_SYM(relocation.r_info)].st_name;
    const std::uintptr_t entry = object.dlpi_addr + relocation.r_offset;
    for (std::size_t k = 0; k < work.count; ++k) {
      const Import& import = work.imports[k];
      if (strcmp(name, import.name) == 0 && *at<const void*>(entry) != import.replacement) {
        work.changed += change(object, entry, import.replacement) ? 1 : 0;
      }
    }
  }
}

int visit(dl_phdr_info* object, std::size_t /*bytes*/, void* context) {
  Work& work = *static_cast<Work*>(context);
  const char* const path = object->dlpi_name == nullptr ? "" : object->dlpi_name;
  // The loader's own tables, and the kernel's, are not like others.
  const bool is_special =
      strstr(path, "linux-vdso") != nullptr || strstr(path, "/ld-linux") != nullptr;
  Tables tables{};
  if (!is_special && work.is_wanted(path) && find_tables(*object, tables)) {
    redirect(*object, tables, tables.calls, tables.calls_bytes, work);
    redirect(*object, tables, tables.others, tables.others_bytes, work);
  }
  return 0;
}

}  // namespace

std::size_t redirect_imports(const Import* imports, std::size_t count,
                             bool (*is_wanted)(const char* path)) noexcept {
  Work work{imports, count, is_wanted, 0};
  dl_iterate_phdr(visit, &work);
  return work.changed;
}

}  // namespace heapwatch::preload
