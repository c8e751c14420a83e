// The code that is loaded, with build ids.
#include "memtrack/mappings.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "memtrack/books.h"
#include "memtrack/lock.h"

namespace memtrack = heapwatch::memtrack;

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
  if (path[0] != '/' && path[0] != '[' && getcwd(program, sizeof program) != nullptr) {
    // A relative name is told from the folder that was current when the code was loaded; the one
    // that is current now is the best there is.
    const std::size_t folder = strlen(program);
    const std::size_t name = strlen(path);
    if (folder + 1 + name < sizeof program) {
      program[folder] = '/';
      memcpy(program + folder + 1, path, name + 1);
      path = program;
    }
  }
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

constinit memtrack::Lock lock;

bool is_known(std::uintptr_t address) {
  const std::size_t count = memtrack::books.mapping_count.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    const memtrack::Mapping& mapping = memtrack::books.mappings[i];
    if (address >= mapping.start && address < mapping.limit) {
      return true;
    }
  }
  return false;
}

void note(const memtrack_mapping* found, void*) {
  const std::size_t count = memtrack::books.mapping_count.load(std::memory_order_relaxed);
  if (count == memtrack::Books::mappings_max || is_known(found->start)) {
    return;
  }
  memtrack::Mapping& mapping = memtrack::books.mappings[count];
  mapping.start = found->start;
  mapping.limit = found->limit;
  mapping.offset = found->offset;
  strncpy(mapping.path, found->path, sizeof mapping.path - 1);
  mapping.build_id_size = 0;
  if (found->build_id != nullptr && found->build_id_size <= sizeof mapping.build_id) {
    mapping.build_id_size = static_cast<std::uint32_t>(found->build_id_size);
    memcpy(mapping.build_id, found->build_id, found->build_id_size);
  }
  memtrack::books.mapping_count.store(count + 1, std::memory_order_release);
}

/// By the loader's table that needs no lock.
void learn(std::uintptr_t address) {
  dl_find_object found;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of code
  if (_dl_find_object(reinterpret_cast<void*>(address), &found) != 0 ||
      found.dlfo_map_start == nullptr) {
    return;
  }
  ElfW(Ehdr) header;
  memcpy(&header, found.dlfo_map_start, sizeof header);
  const char* const start = static_cast<const char*>(found.dlfo_map_start);
  const auto mapped =
      static_cast<std::size_t>(static_cast<const char*>(found.dlfo_map_end) - start);
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phoff > mapped ||
      header.e_phnum * sizeof(ElfW(Phdr)) > mapped - header.e_phoff) {
    return;
  }
  dl_phdr_info object{};
  object.dlpi_addr = found.dlfo_link_map->l_addr;
  object.dlpi_name = found.dlfo_link_map->l_name;
  object.dlpi_phdr = reinterpret_cast<const ElfW(Phdr)*>(start + header.e_phoff);
  object.dlpi_phnum = header.e_phnum;
  // The program itself is the one without a name, but for the kernel's object.
  const bool is_program = object.dlpi_name[0] == '\0' && found.dlfo_link_map->l_prev == nullptr;
  Visit visit{note, nullptr, is_program};
  visit_object(&object, sizeof object, &visit);
}

}  // namespace

namespace heapwatch::memtrack {

void learn_mappings(const std::uintptr_t* addresses, std::size_t count) noexcept {
  const Locked locked(lock);
  if (books.mapping_count.load(std::memory_order_relaxed) == 0) {
    learn(getauxval(AT_ENTRY));  // readers name a profile after the first
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_known(addresses[i] - 1)) {
      learn(addresses[i] - 1);
    }
  }
}

void mappings_before_fork() noexcept {
  lock.acquire();
}

void mappings_after_fork() noexcept {
  lock.release();
}

}  // namespace heapwatch::memtrack

void memtrack_mappings(void (*visit)(const memtrack_mapping*, void*), void* context) noexcept {
  Visit all{visit, context, true};
  dl_iterate_phdr(visit_object, &all);
}
