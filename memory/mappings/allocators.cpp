#include "memory/mappings/allocators.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "memory/process/linked_allocator.h"

namespace heapwatch::memory::mappings {

namespace {

constexpr std::string_view musl = "musl malloc";

struct Known {
  std::string_view owner;
  Space space;
  std::string_view library;                  // its file's name begins so; empty: no library
  std::array<std::string_view, 2> exported;  // or the program exports one of these
  process::SplitText text = {};  // or this is in the program, where much memory has no owner
};

// clang-format off: a row a line
constexpr std::array known{
    Known{"jemalloc", Space::native, "libjemalloc.", {"mallctl", "je_mallctl"}},
    Known{"tcmalloc",
          Space::native,
          "libtcmalloc",
          {"MallocExtension_ReleaseFreeMemory", "TCMallocInternalMalloc"},
          process::tcmalloc_text},
    Known{"mimalloc", Space::native, "libmimalloc", {"mi_malloc", "mi_heap_malloc"}},
    Known{musl, Space::native, "ld-musl-", {}},
    Known{"AddressSanitizer", Space::native, "libasan.", {"__asan_init", ""}},
    Known{"ThreadSanitizer", Space::native, "libtsan.", {"__tsan_init", ""}},
    Known{"gcc's collector", Space::native, "", {"_Z14ggc_mark_rootsv", "ggc_mark_roots"}},
    Known{"InnoDB", Space::native, "mariadbd", {}},
    Known{"V8", Space::other, "libv8", {"_ZN2v87Isolate10GetCurrentEv", "_ZN2v82V810GetVersionEv"}},
    Known{"Java", Space::other, "libjvm.", {"JNI_CreateJavaVM", ""}},
    Known{".NET", Space::other, "libcoreclr.", {"coreclr_initialize", ""}},
    Known{"Python 2", Space::python, "libpython2.", {"PyString_FromString", ""}},
    Known{"Ruby", Space::other, "libruby", {"rb_gc_start", ""}},
    Known{"PHP", Space::other, "libphp", {"_emalloc", "zend_mm_heap"}},
    Known{"LuaJIT", Space::other, "libluajit", {"luaJIT_setmode", ""}},
    Known{"Erlang", Space::other, "", {"enif_alloc", ""}},
};
// clang-format on

/// musl's library is libc.so, by whatever name it is loaded; glibc's has its number behind that.
/// A program that is linked with it statically has no library; its allocator begins the memory that
/// brk gives with a page without access rights, as no other does.
bool is_musl(const process::ProcessView& view, const std::vector<process::Module>& modules) {
  const auto mappings = view.mappings();
  return std::any_of(modules.begin(), modules.end(),
                     [](const process::Module& one) { return one.base_name() == "libc.so"; }) ||
         std::any_of(mappings.begin(), mappings.end(), [](const process::Mapping& one) {
           return one.name == "[heap]" && !one.readable && !one.writable && !one.executable;
         });
}

/// Linked into the program, which exports nothing of it.
bool is_linked(const Look& look, const std::vector<process::Module>& modules, const Known& one) {
  constexpr std::uint64_t much = std::uint64_t{1} << 20;
  return one.text.size() > 0 && look.so_far.unclaimed_heap_bytes() >= much &&
         std::any_of(modules.begin(), modules.end(), [&](const process::Module& module) {
           return module.is_program && process::has_text(look.view, module, one.text);
         });
}

bool is_it(process::Words& words, const process::Module& module, const Known& one) {
  const std::string_view name = module.base_name();
  if (!one.library.empty() && name.compare(0, one.library.size(), one.library) == 0) {
    return true;
  }
  if (!module.is_program) {
    return false;
  }
  process::Symbols symbols(words, module);
  return std::any_of(one.exported.begin(), one.exported.end(), [&](std::string_view symbol) {
    return !symbol.empty() && symbols.find(symbol).has_value();
  });
}

}  // namespace

Found find_allocators(const Look& look) {
  Found found;
  if (!look.view.denied().empty()) {
    return found;
  }
  process::Words words(look.view);
  const std::vector<process::Module> modules = process::find_modules(look.view);
  std::string owners;
  Space space = Space::other;
  for (const Known& one : known) {
    const bool is_loaded =
        std::any_of(modules.begin(), modules.end(),
                    [&](const process::Module& module) { return is_it(words, module, one); }) ||
        (one.owner == musl && is_musl(look.view, modules)) || is_linked(look, modules, one);
    if (is_loaded) {
      owners += (owners.empty() ? "" : " or ") + std::string(one.owner);
      space = owners == one.owner ? one.space : Space::other;
    }
  }
  if (owners.empty()) {
    return found;
  }
  for (const process::Mapping& mapping : look.view.mappings()) {
    const bool is_heap = mapping.name.empty() || mapping.name == "[heap]";
    if (mapping.is_anonymous() && is_heap) {
      found.claims.push_back({.begin = mapping.begin,
                              .end = mapping.end,
                              .space = space,
                              .owner = owners,
                              .state = State::mapped,
                              .source = Source::inferred,
                              .detail = "recognised, not looked into"});
    }
  }
  return found;
}

}  // namespace heapwatch::memory::mappings
