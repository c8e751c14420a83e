// The code that is loaded, with build ids.
#include <elf.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "memtrack/memtrack.h"

namespace {

struct Visit {
  void (*visit)(const memtrack_mapping*, void*);
  void* context;
  bool is_first;  // the program itself, which the loader lists without a name
};

/// The ELF note "GNU" of type NT_GNU_BUILD_ID.
void find_build_id(const dl_phdr_info& object, memtrack_mapping& mapping) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) {
      continue;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a loaded segment
    const auto* at = reinterpret_cast<const std::uint8_t*>(object.dlpi_addr + segment.p_vaddr);
    const std::uint8_t* const end = at + segment.p_memsz;
    while (static_cast<std::size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      memcpy(&note, at, sizeof note);
      const std::uint8_t* const name = at + sizeof note;
      const std::size_t name_size = (std::size_t{note.n_namesz} + 3) & ~std::size_t{3};
      const std::size_t size = (std::size_t{note.n_descsz} + 3) & ~std::size_t{3};
      if (static_cast<std::size_t>(end - name) < name_size + size) {
        break;
      }
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
        mapping.build_id = name + name_size;
        mapping.build_id_size = note.n_descsz;
        return;
      }
      at = name + name_size + size;
    }
  }
}

int visit_object(dl_phdr_info* object, std::size_t, void* context) {
  auto& visit = *static_cast<Visit*>(context);
  char program[4096];
  const char* path = object->dlpi_name;
  if (visit.is_first) {
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    path = program;
  } else if (path[0] == '\0' || strncmp(path, "linux-vdso", 10) == 0) {
    path = "[vdso]";
  }
  visit.is_first = false;
  memtrack_mapping mapping{};
  mapping.path = path;
  find_build_id(*object, mapping);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0) {
      const std::uintptr_t start = object->dlpi_addr + segment.p_vaddr;
      mapping.start = start & ~(page - 1);
      mapping.limit = (start + segment.p_memsz + page - 1) & ~(page - 1);
      mapping.offset = segment.p_offset & ~std::uint64_t{page - 1};
      visit.visit(&mapping, visit.context);
    }
  }
  return 0;
}

}  // namespace

void memtrack_mappings(void (*visit)(const memtrack_mapping*, void*), void* context) noexcept {
  Visit all{visit, context, true};
  dl_iterate_phdr(visit_object, &all);
}
