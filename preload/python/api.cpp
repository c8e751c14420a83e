#include "preload/python/api.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "memtrack/books.h"
#include "memtrack/pages.h"
#include "preload/linked_object.h"

namespace heapwatch::preload::python {

constinit Api api{};

namespace {

template <typename Pointer>
bool look_up(void* handle, const char* name, Pointer& into) {
  void* const symbol = dlsym(handle, name);
  static_assert(sizeof into == sizeof symbol);
  memcpy(&into, &symbol, sizeof symbol);
  return symbol != nullptr;
}

/// "3.11.2 (main, ...)": the 11, and the first word into `name`. -1: it is none of ours.
int parse_version(const char* text, char* name, std::size_t size) {
  constexpr char prefix[] = "CPython ";
  memcpy(name, prefix, sizeof prefix);
  std::size_t at = sizeof prefix - 1;
  for (; *text != '\0' && *text != ' ' && at + 1 < size; ++text, ++at) {
    name[at] = *text;
  }
  name[at] = '\0';
  const char* const number = name + sizeof prefix - 1;
  if (strncmp(number, "3.", 2) != 0) {
    return -1;
  }
  int minor = 0;
  for (const char* digit = number + 2; *digit >= '0' && *digit <= '9'; ++digit) {
    minor = minor * 10 + (*digit - '0');
  }
  return minor;
}

bool find_functions(void* handle, Api& found) {
  // The first two are what any CPython is known by.
  return look_up(handle, "PyMem_SetAllocator", found.set_allocator) &&
         look_up(handle, "Py_GetVersion", found.get_version) &&
         look_up(handle, "PyMem_GetAllocator", found.get_allocator) &&
         look_up(handle, "PyObject_SetArenaAllocator", found.set_arena_allocator) &&
         look_up(handle, "PyObject_GetArenaAllocator", found.get_arena_allocator) &&
         look_up(handle, "Py_IsInitialized", found.is_initialized) &&
         (look_up(handle, "_Py_IsFinalizing", found.is_finalizing) ||
          look_up(handle, "Py_IsFinalizing", found.is_finalizing)) &&
         look_up(handle, "PyGILState_Ensure", found.ensure) &&
         look_up(handle, "PyGILState_Release", found.release) &&
         look_up(handle, "PyGILState_GetThisThreadState", found.this_thread) &&
         look_up(handle, "PyCode_Addr2Line", found.line_at) &&
         look_up(handle, "PyCode_Type", found.code_type) &&
         look_up(handle, "_PyEval_EvalFrameDefault", found.loop) &&
         (look_up(handle, "_PyThreadState_UncheckedGet", found.current_thread) ||
          look_up(handle, "PyThreadState_GetUnchecked", found.current_thread));
}

/// A handle of the object that the address lies in, to be closed; null without.
void* handle_of(const void* inside) {
  Dl_info info{};
  if (inside == nullptr || dladdr(inside, &info) == 0 || info.dli_fname == nullptr) {
    return nullptr;
  }
  return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
}

/// Tells readers which addresses are the interpreter's.
void note_code(const Api& found) {
  memtrack::Interpreter& books = memtrack::books.interpreter;
  Dl_info info{};
  const ElfW(Sym)* symbol = nullptr;
  if (dladdr1(found.loop, &info, reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol)),
              RTLD_DL_SYMENT) != 0 &&
      symbol != nullptr) {
    books.loop_start = reinterpret_cast<std::uintptr_t>(found.loop);
    books.loop_limit = books.loop_start + symbol->st_size;
  }
}

/// Of the segment that an address lies in; 0 when no object has it.
int protection_at(std::uintptr_t address) {
  struct Search {
    std::uintptr_t address;
    int found;
  } search{address, 0};
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        Search& wanted = *static_cast<Search*>(context);
        for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          if (segment.p_type == PT_LOAD &&
              wanted.address - (object->dlpi_addr + segment.p_vaddr) < segment.p_memsz) {
            wanted.found = ((segment.p_flags & PF_R) != 0 ? PROT_READ : 0) |
                           ((segment.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                           ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
            return 1;
          }
        }
        return 0;
      },
      &search);
  return search.found;
}

}  // namespace

Found find_api(const void* inside) noexcept {
  Api found{};
  void* const handle = handle_of(inside);
  const bool complete = find_functions(inside == nullptr ? RTLD_DEFAULT : handle, found);
  look_up(inside == nullptr ? RTLD_DEFAULT : handle, "PyTraceMalloc_Track", found.track);
  look_up(inside == nullptr ? RTLD_DEFAULT : handle, "PyTraceMalloc_Untrack", found.untrack);
  const bool any = found.get_version != nullptr && found.set_allocator != nullptr;
  if (handle != nullptr) {
    dlclose(handle);
  }
  if (!any) {
    return Found::none;
  }
  memtrack::Interpreter& books = memtrack::books.interpreter;
  const char* const version = found.get_version();
  const int minor = parse_version(version, books.name, sizeof books.name);
  if (strstr(version, "free-threading") != nullptr) {
    return Found::free_threaded;
  }
  found.layout = complete ? layout_of(minor) : nullptr;
  if (found.layout == nullptr) {
    return Found::unknown;
  }
  note_code(found);
  api = found;
  return Found::known;
}

Found find_api_anywhere() noexcept {
  if (const Found found = find_api(nullptr); found != Found::none) {
    return found;
  }
  // A library that a program has loaded for itself alone is not among those that are searched.
  const void* inside = nullptr;
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        Tables tables{};
        if (is_of_kernel(*object) || !find_tables(*object, tables)) {
          return 0;
        }
        const ElfW(Sym)* const symbol = find_defined(tables, "PyMem_SetAllocator");
        if (symbol == nullptr) {
          return 0;
        }
        *static_cast<const void**>(context) = at<const void>(object->dlpi_addr + symbol->st_value);
        return 1;
      },
      &inside);
  return inside == nullptr ? Found::none : find_api(inside);
}

bool redirect(const void* symbol, const char* name, const void* to) noexcept {
  Dl_info info{};
  ElfW(Sym)* entry = nullptr;
  if (symbol == nullptr ||
      dladdr1(symbol, &info, reinterpret_cast<void**>(&entry), RTLD_DL_SYMENT) == 0 ||
      entry == nullptr || info.dli_sname == nullptr || strcmp(info.dli_sname, name) != 0) {
    return false;
  }
  const int before = errno;
  constexpr std::uintptr_t page_mask = memtrack::page_bytes - 1;
  const auto value = reinterpret_cast<std::uintptr_t>(&entry->st_value);
  const int protection = protection_at(value);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the page of an address
  auto* const page = reinterpret_cast<void*>(value & ~page_mask);
  const std::size_t bytes = (value & page_mask) + sizeof entry->st_value;
  // Tables of symbols lie in a segment that is read only.
  const bool changed = protection != 0 && mprotect(page, bytes, protection | PROT_WRITE) == 0;
  if (changed) {
    const std::uintptr_t moved_by = reinterpret_cast<std::uintptr_t>(symbol) - entry->st_value;
    __atomic_store_n(&entry->st_value, reinterpret_cast<std::uintptr_t>(to) - moved_by,
                     __ATOMIC_RELEASE);
    mprotect(page, bytes, protection);
  }
  errno = before;
  return changed;
}

}  // namespace heapwatch::preload::python
