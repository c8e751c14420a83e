// An object calls functions of others through a table of addresses. The relocations name the
// entries: DT_JMPREL those of calls, DT_RELA those of addresses that are loaded, and words of data
// that hold an address (callbacks in tables). An entry is changed only when it holds the definition
// that the program uses, or leads to the loader, which would look it up at the first call: such an
// entry holds an address of its own object. What else it holds, somebody has put there, and it
// stays.
//
// What an entry held is remembered by its address. When all is put back, the objects that are there
// then are looked through, since some may be gone; entries that were never changed but lead to a
// hook are of objects that came later, and get the definition.
//
// The symbol table: an object that is loaded later looks the functions up there. The value of each
// is changed to the hook's address, less where the object is loaded.
//
// Variables: a program keeps those of libraries that it uses by name in its own memory, where the
// loader has copied them (R_..._COPY). Nobody reads what the library had any more, so the words of
// such a copy are looked through by what they hold. libxml2's xmlFree in PostgreSQL is one.
//
// The loader itself calls by four words of its data, found by what they hold.
#include "preload/interception.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "memtrack/pages.h"
#include "preload/linked_object.h"

namespace heapwatch::preload {

namespace {

/// Bytes of a room to remember in, which is mapped once.
constexpr std::size_t remembered_max = 32768;

struct Remembered {
  std::uintptr_t entry;
  const void* before;
};
constinit Remembered* remembered = nullptr;
constinit std::size_t remembered_count = 0;

/// The values of the symbols, as they were.
struct Symbol {
  ElfW(Sym) * symbol;
  ElfW(Addr) before;
};
constinit Symbol symbols[intercepted_count]{};

/// Ours, the loader and what the kernel brings.
bool is_left_out(const dl_phdr_info& object) {
  return is_inside(object, reinterpret_cast<std::uintptr_t>(&remembered)) || is_of_kernel(object) ||
         is_loader(object);
}

Remembered* find_remembered(std::uintptr_t entry) {
  for (std::size_t i = 0; i < remembered_count; ++i) {
    if (remembered[i].entry == entry) {
      return &remembered[i];
    }
  }
  return nullptr;
}

bool remember(std::uintptr_t entry, const void* before) {
  if (remembered == nullptr) {
    remembered = static_cast<Remembered*>(memtrack::map_pages(remembered_max * sizeof(Remembered)));
    if (remembered == nullptr) {
      return false;
    }
  }
  if (Remembered* const known = find_remembered(entry); known != nullptr) {
    known->before = before;
    return true;
  }
  if (remembered_count == remembered_max) {
    return false;
  }
  remembered[remembered_count++] = {entry, before};
  return true;
}

struct Work {
  const Intercepted* functions;
  bool is_to_hook;
  std::size_t changed;
};

bool is_entry(std::uint64_t info) {
  switch (static_cast<std::uint32_t>(ELF64_R_TYPE(info))) {
#if defined(__x86_64__)
    case R_X86_64_JUMP_SLOT:
    case R_X86_64_GLOB_DAT:
    case R_X86_64_64:
#elif defined(__aarch64__)
    case R_AARCH64_JUMP_SLOT:
    case R_AARCH64_GLOB_DAT:
    case R_AARCH64_ABS64:
#endif
      return true;
    default:
      return false;
  }
}

bool is_copy(std::uint64_t info) {
#if defined(__x86_64__)
  return ELF64_R_TYPE(info) == R_X86_64_COPY;
#elif defined(__aarch64__)
  return ELF64_R_TYPE(info) == R_AARCH64_COPY;
#endif
}

/// One entry of an object, of one function.
bool hook_entry(const dl_phdr_info& object, std::uintptr_t entry, const Intercepted& function) {
  const std::uintptr_t held = __atomic_load_n(at<std::uintptr_t>(entry), __ATOMIC_ACQUIRE);
  const auto definition = reinterpret_cast<std::uintptr_t>(function.definition);
  // The stub of an object that does not define the function leads to the loader.
  const bool is_unresolved = is_inside(object, held) && !is_inside(object, definition);
  if (definition == 0 || (held != definition && !is_unresolved)) {
    return false;
  }
  return remember(entry, at<const void>(held)) &&
         write_word(object, entry, reinterpret_cast<std::uintptr_t>(function.hook));
}

bool unhook_entry(const dl_phdr_info& object, std::uintptr_t entry, const Intercepted& function) {
  const std::uintptr_t held = __atomic_load_n(at<std::uintptr_t>(entry), __ATOMIC_ACQUIRE);
  if (held != reinterpret_cast<std::uintptr_t>(function.hook)) {
    return false;
  }
  const Remembered* const known = find_remembered(entry);
  const void* const before = known != nullptr ? known->before : function.definition;
  return write_word(object, entry, reinterpret_cast<std::uintptr_t>(before));
}

/// A word that is known by what it holds alone.
bool hook_word(const dl_phdr_info& object, std::uintptr_t word, std::uintptr_t held,
               const Intercepted& function) {
  return held == reinterpret_cast<std::uintptr_t>(function.definition) && held != 0 &&
         remember(word, function.definition) &&
         write_word(object, word, reinterpret_cast<std::uintptr_t>(function.hook));
}

/// Words that hold the address of one of the first `count` functions.
void visit_words(const dl_phdr_info& object, std::uintptr_t begin, std::uintptr_t end,
                 std::size_t count, Work& work) {
  constexpr std::uintptr_t word_bytes = sizeof(std::uintptr_t);
  begin = (begin + word_bytes - 1) & ~(word_bytes - 1);
  for (std::uintptr_t word = begin; word + word_bytes <= end; word += word_bytes) {
    const std::uintptr_t held = __atomic_load_n(at<std::uintptr_t>(word), __ATOMIC_RELAXED);
    for (std::size_t k = 0; k < count; ++k) {
      if (work.is_to_hook ? hook_word(object, word, held, work.functions[k])
                          : unhook_entry(object, word, work.functions[k])) {
        ++work.changed;
        break;
      }
    }
  }
}

void visit_entries(const dl_phdr_info& object, const Tables& tables, const ElfW(Rela) * relocations,
                   std::size_t bytes, Work& work) {
  for (std::size_t i = 0; i < bytes / sizeof *relocations; ++i) {
    const ElfW(Rela)& relocation = relocations[i];
    const auto index = ELF64_R_SYM(relocation.r_info);
    const std::uintptr_t entry = object.dlpi_addr + relocation.r_offset;
    if (is_copy(relocation.r_info) && index != 0) {
      visit_words(object, entry, entry + tables.symbols[index].st_size, intercepted_count, work);
    }
    if (!is_entry(relocation.r_info) || index == 0 || entry % sizeof entry != 0) {
      continue;
    }
    const char* const name = tables.names + tables.symbols[index].st_name;
    for (std::size_t k = 0; k < intercepted_count; ++k) {
      const Intercepted& function = work.functions[k];
      if (strcmp(name, function.name) == 0) {
        const bool changed = work.is_to_hook ? hook_entry(object, entry, function)
                                             : unhook_entry(object, entry, function);
        work.changed += changed ? 1 : 0;
      }
    }
  }
}

/// So that what is loaded later finds the hooks.
void visit_symbols(const dl_phdr_info& object, const Tables& tables, Work& work) {
  for (std::size_t k = 0; k < intercepted_count; ++k) {
    const Intercepted& function = work.functions[k];
    Symbol& known = symbols[k];
    if (work.is_to_hook && known.symbol == nullptr && function.definition != nullptr &&
        is_inside(object, reinterpret_cast<std::uintptr_t>(function.definition))) {
      const ElfW(Sym)* const found = find_defined(tables, function.name);
      if (found != nullptr && object.dlpi_addr + found->st_value ==
                                  reinterpret_cast<std::uintptr_t>(function.definition)) {
        known = {const_cast<ElfW(Sym)*>(found), found->st_value};
      }
    }
    if (known.symbol == nullptr || (work.is_to_hook && function.definition == nullptr) ||
        !is_inside(object, reinterpret_cast<std::uintptr_t>(known.symbol))) {
      continue;
    }
    const std::uintptr_t value =
        work.is_to_hook ? reinterpret_cast<std::uintptr_t>(function.hook) - object.dlpi_addr
                        : known.before;
    if (known.symbol->st_value != value) {
      work.changed +=
          write_word(object, reinterpret_cast<std::uintptr_t>(&known.symbol->st_value), value) ? 1
                                                                                               : 0;
    }
  }
}

/// The loader keeps the addresses of the functions that it calls itself, which it has looked up for
/// the program, in its data.
void visit_loader(const dl_phdr_info& object, Work& work) {
  constexpr std::size_t called = 4;  // the first of the functions
  for (unsigned i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0) {
      continue;
    }
    const std::uintptr_t begin = object.dlpi_addr + segment.p_vaddr;
    visit_words(object, begin, begin + segment.p_memsz, called, work);
  }
}

int visit(dl_phdr_info* object, std::size_t /*bytes*/, void* context) {
  Work& work = *static_cast<Work*>(context);
  Tables tables{};
  if (is_loader(*object)) {
    visit_loader(*object, work);
  } else if (!is_left_out(*object) && find_tables(*object, tables)) {
    visit_symbols(*object, tables, work);
    visit_entries(*object, tables, tables.calls, tables.calls_bytes, work);
    visit_entries(*object, tables, tables.others, tables.others_bytes, work);
  }
  return 0;
}

int find_in(dl_phdr_info* object, std::size_t /*bytes*/, void* context) {
  auto* const functions = static_cast<Intercepted*>(context);
  Tables tables{};
  if (is_left_out(*object) || !find_tables(*object, tables)) {
    return 0;
  }
  for (std::size_t k = 0; k < allocation_functions; ++k) {
    const ElfW(Sym)* const found =
        functions[k].definition == nullptr ? find_defined(tables, functions[k].name) : nullptr;
    if (found != nullptr) {
      functions[k].definition = at<const void>(object->dlpi_addr + found->st_value);
    }
  }
  return 0;
}

}  // namespace

bool find_definitions(Intercepted* functions) noexcept {
  dl_iterate_phdr(find_in, functions);
  constexpr std::size_t needed = 4;
  const void* object = nullptr;
  for (std::size_t k = 0; k < needed; ++k) {
    Dl_info info{};
    if (functions[k].definition == nullptr || dladdr(functions[k].definition, &info) == 0 ||
        (object != nullptr && info.dli_fbase != object)) {
      return false;
    }
    object = info.dli_fbase;
  }
  return true;
}

const void* find_beside(const void* function, const char* name) noexcept {
  struct Search {
    std::uintptr_t function;
    const char* name;
    const void* found;
  } search{reinterpret_cast<std::uintptr_t>(function), name, nullptr};
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* context) {
        Search& wanted = *static_cast<Search*>(context);
        Tables tables{};
        if (!is_inside(*object, wanted.function) || !find_tables(*object, tables)) {
          return 0;
        }
        if (const ElfW(Sym)* const symbol = find_defined(tables, wanted.name); symbol != nullptr) {
          wanted.found = at<const void>(object->dlpi_addr + symbol->st_value);
        }
        return 1;
      },
      &search);
  return search.found;
}

std::size_t redirect_all(const Intercepted* functions) noexcept {
  Work work{functions, true, 0};
  dl_iterate_phdr(visit, &work);
  return work.changed;
}

std::size_t put_all_back(const Intercepted* functions) noexcept {
  Work work{functions, false, 0};
  dl_iterate_phdr(visit, &work);
  return work.changed;
}

}  // namespace heapwatch::preload
