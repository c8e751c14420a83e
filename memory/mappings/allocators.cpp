#include "memory/mappings/allocators.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "memory/process/modules.h"

namespace heapwatch::memory::mappings {

namespace {

struct Known {
  std::string_view owner;
  Space space;
  std::string_view library;                  // its file's name begins so; empty: no library
  std::array<std::string_view, 2> exported;  // or the program exports one of these
};

constexpr std::array<Known, 8> known{{
    {"jemalloc", Space::native, "libjemalloc.", {"mallctl", "je_mallctl"}},
    {"tcmalloc",
     Space::native,
     "libtcmalloc",
     {"MallocExtension_ReleaseFreeMemory", "TCMallocInternalMalloc"}},
    {"mimalloc", Space::native, "libmimalloc", {"mi_malloc", "mi_heap_malloc"}},
    {"musl malloc", Space::native, "ld-musl-", {"", ""}},
    {"V8", Space::other, "libv8", {"_ZN2v87Isolate10GetCurrentEv", "_ZN2v82V810GetVersionEv"}},
    {"Java", Space::other, "libjvm.", {"JNI_CreateJavaVM", ""}},
    {".NET", Space::other, "libcoreclr.", {"coreclr_initialize", ""}},
    {"Ruby", Space::other, "libruby", {"rb_gc_start", ""}},
}};

bool is_it(process::Words& words, const process::Module& module, const Known& one) {
  const std::string_view name = module.base_name();
  if (!one.library.empty() && name.compare(0, one.library.size(), one.library) == 0) {
    return true;
  }
  if (!module.is_program) {
    return false;
  }
  process::Symbols symbols(words, module);
  return std::any_of(one.exported.begin(), one.exported.end(),
                     [&](std::string_view symbol) { return symbols.find(symbol).has_value(); });
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
    if (std::any_of(modules.begin(), modules.end(),
                    [&](const process::Module& module) { return is_it(words, module, one); })) {
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
