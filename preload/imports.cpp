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

#include <cstdint>

#include "preload/linked_object.h"

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
      if (strcmp(name, import.name) == 0 && *at<const void* const>(entry) != import.replacement) {
        const auto replacement = reinterpret_cast<std::uintptr_t>(import.replacement);
        work.changed += write_word(object, entry, replacement) ? 1 : 0;
      }
    }
  }
}

int visit(dl_phdr_info* object, std::size_t /*bytes*/, void* context) {
  Work& work = *static_cast<Work*>(context);
  const char* const path = object->dlpi_name == nullptr ? "" : object->dlpi_name;
  // The loader's own tables, and the kernel's, are not like others.
  const bool is_special = is_of_kernel(*object) || is_loader(*object);
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
