#include "attach/program.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

#include "memory/process/modules.h"
#include "memory/process/reading.h"
#include "preload/attach.h"
#include "preload/injected.h"

namespace heapwatch::attach {

namespace {

using memory::process::Mapping;
using memory::process::Module;
using memory::process::ProcessView;
using memory::process::Range;
using memory::process::Segment;
using memory::process::Symbols;
using memory::process::Words;

constexpr std::uint64_t code_bytes_max = std::uint64_t{64} << 20;

/// The address of bytes in the code of a module; 0: they are not there.
std::uint64_t find_code(const ProcessView& view, const Module& module,
                        std::span<const std::byte> wanted) {
  constexpr std::size_t chunk_bytes = 65536;
  std::vector<std::byte> chunk(chunk_bytes);
  for (const Segment& segment : module.segments) {
    if (!segment.executable || segment.file_end - segment.begin > code_bytes_max) {
      continue;
    }
    // Chunks overlap, so that what lies across their border is found.
    for (std::uint64_t at = segment.begin; at < segment.file_end;
         at += chunk_bytes - wanted.size()) {
      const std::size_t size =
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, segment.file_end - at));
      const std::size_t got = view.read(at, std::span(chunk).first(size));
      const auto end = chunk.begin() + static_cast<std::ptrdiff_t>(got);
      const auto found = std::search(chunk.begin(), end, wanted.begin(), wanted.end());
      if (found != end) {
        return at + static_cast<std::uint64_t>(found - chunk.begin());
      }
    }
  }
  return 0;
}

template <std::size_t count>
std::uint64_t find_code(const ProcessView& view, const Module& module,
                        const std::array<unsigned char, count>& wanted) {
  return find_code(view, module, std::as_bytes(std::span(wanted)));
}

Range code_of(const Module& module) {
  Range range;
  for (const Segment& segment : module.segments) {
    if (segment.executable) {
      range.begin = range.begin == 0 ? segment.begin : std::min(range.begin, segment.begin);
      range.end = std::max(range.end, segment.memory_end);
    }
  }
  return range;
}

bool is_loader(const Module& module) {
  return module.base_name().starts_with("ld-linux") || module.base_name().starts_with("ld-2.");
}

bool is_musl(const Module& module) {
  return module.base_name().starts_with("ld-musl") || module.base_name().starts_with("libc.musl");
}

bool is_of_system(const Module& module) {
  return is_loader(module) || module.name == "[vdso]";
}

bool is_ours(std::string_view path) {
  return path.find("libheapwatch_preload.so") != std::string_view::npos ||
         path.starts_with(std::string("/memfd:") + preload::library_name);
}

/// Where the C library has what an attach calls.
void find_functions(const ProcessView& view, Words& words, const Module& libc, Program& program) {
  Symbols symbols(words, libc);
  const auto find = [&](std::string_view name) { return symbols.find(name).value_or(0); };
  program.dlopen = find("dlopen");
  program.dlsym = find("dlsym");
  program.dlerror = find("dlerror");
  program.pthread_create = find("pthread_create");
  program.pthread_detach = find("pthread_detach");
  program.errno_location = find("__errno_location");
  const bool is_new = program.dlopen != 0 && program.pthread_create != 0;
  program.library = is_new ? Library::glibc : Library::old_glibc;
  program.library_path = libc.name;
  // syscall; ret
  program.system_call = find_code(view, libc, std::array<unsigned char, 3>{0x0f, 0x05, 0xc3});
  // mov $15, %rax; syscall
  program.sigreturn = find_code(
      view, libc, std::array<unsigned char, 9>{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05});
  // It is a short function; what follows it is of its kind.
  constexpr std::uint64_t lock_wait_bytes = 128;
  if (const std::uint64_t at = find("__lll_lock_wait_private"); at != 0) {
    program.lock_wait = {at, at + lock_wait_bytes};
  }
}

/// Its version is in its memory from 3.11 on, before that in its name alone.
void read_python(Words& words, Symbols& symbols, const Module& module, Program& program) {
  if (!program.python_path.empty() || !symbols.find("PyMem_SetAllocator")) {
    return;
  }
  program.python_path = module.name;
  constexpr unsigned major_three = 3;
  const auto set_version = [&](std::uint64_t version) {
    if (version >> 24U == major_three) {
      program.python_minor = static_cast<int>(version >> 16U & 0xffU);
    }
  };
  if (const auto at = symbols.find("Py_Version")) {
    set_version(words.get<std::uint32_t>(*at).value_or(0));
  } else if (const std::size_t name = module.name.rfind("python3."); name != std::string::npos) {
    std::string_view digits = module.name;
    digits.remove_prefix(name + std::string_view("python3.").size());
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), program.python_minor);
  }
  // From 3.13 on its state begins with a description of itself.
  constexpr std::uint64_t cookie = 0x7970'6775'6265'6478;  // "xdebugpy"
  if (const auto at = symbols.find("_PyRuntime"); at && words.u64(*at) == cookie) {
    set_version(words.u64(*at + 8).value_or(0));
    program.python_is_free_threaded = words.u64(*at + 16).value_or(0) != 0;
  }
}

/// The sanitizer that keeps the memory of the program.
std::string sanitizer_of(Symbols& symbols) {
  for (const char* const name :
       {"__asan_init", "__tsan_init", "__msan_init", "__lsan_init", "__hwasan_init"}) {
    if (symbols.find(name)) {
      return name;
    }
  }
  return {};
}

}  // namespace

Program read_program(const ProcessView& view) {
  Program program;
  Words words(view, memory::process::pages_to_read(view));
  const std::vector<Module> modules = memory::process::find_modules(view);
  const Module* allocator = nullptr;
  const Module* libc = nullptr;
  const Module* musl = nullptr;
  // The program comes first for the loader, wherever it is mapped.
  std::vector<const Module*> order;
  for (const Module& module : modules) {
    order.insert(module.is_program ? order.begin() : order.end(), &module);
  }
  for (const Module* const module : order) {
    Symbols symbols(words, *module);
    if (program.sanitizer.empty()) {
      program.sanitizer = sanitizer_of(symbols);
    }
    musl = is_musl(*module) ? module : musl;
    if (is_loader(*module)) {
      program.loader = code_of(*module);
    }
    if (is_of_system(*module)) {
      continue;
    }
    if (is_ours(module->name)) {
      program.our_entry = symbols.find(preload::entry_name).value_or(0);
      program.guarded.push_back(code_of(*module));
      continue;
    }
    read_python(words, symbols, *module, program);
    if (libc == nullptr && symbols.find("gnu_get_libc_version")) {
      libc = module;
    }
    if (symbols.find("malloc")) {
      program.defines_malloc = program.defines_malloc || module->is_program;
      const bool is_libc = module == libc;
      allocator = allocator == nullptr || (allocator == libc && !is_libc) ? module : allocator;
    }
  }
  for (const Mapping& mapping : view.mappings()) {
    program.is_under_valgrind =
        program.is_under_valgrind || mapping.name.find("/vgpreload_") != std::string::npos;
    if (is_ours(mapping.name)) {
      program.our_library_path = mapping.name;
    }
  }
  if (musl != nullptr) {
    program.library = Library::musl;
    program.library_path = musl->name;
  } else if (libc != nullptr) {
    find_functions(view, words, *libc, program);
    program.guarded.push_back(code_of(*libc));
  } else if (modules.size() > 1) {
    program.library = program.loader.size() != 0 ? Library::other : Library::none;
  }
  if (program.loader.size() != 0) {
    program.guarded.push_back(program.loader);
  }
  if (allocator != nullptr) {
    program.allocator_path = allocator->name;
    if (allocator != libc) {
      program.guarded.push_back(code_of(*allocator));
    }
  }
  return program;
}

}  // namespace heapwatch::attach
