#include "preload/other_allocator.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <string.h>

#include <cstdint>

#include "memtrack/tracker.h"
#include "preload/mappings.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): glibc's
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* block);
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::preload {

namespace {

/// As glibc's malloc_usable_size: the word before the block holds the size of its chunk and three
/// flags.
std::size_t usable_bytes(void* block) {
  constexpr std::uintptr_t flags = 7;
  constexpr std::uintptr_t mmapped = 2;
  if (block == nullptr) {
    return 0;
  }
  std::uintptr_t head = 0;
  memcpy(&head, static_cast<const char*>(block) - sizeof head, sizeof head);
  return (head & ~flags) - ((head & mmapped) != 0 ? 2 : 1) * sizeof head;
}

constexpr Allocator glibc{__libc_malloc,   __libc_calloc, __libc_realloc,
                          __libc_memalign, __libc_free,   usable_bytes};

template <typename Function>
Function* next(Function* /*type*/, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Of the object that starts there: up to where its last segment ends.
struct Extent {
  std::uintptr_t start;
  std::uintptr_t limit;
};
int measure(dl_phdr_info* object, std::size_t /*size*/, void* context) {
  auto& extent = *static_cast<Extent*>(context);
  if (object->dlpi_addr != extent.start) {
    return 0;
  }
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const std::uintptr_t limit = extent.start + segment.p_vaddr + segment.p_memsz;
    if (segment.p_type == PT_LOAD && limit > extent.limit) {
      extent.limit = limit;
    }
  }
  return 1;
}

constinit bool is_looking = false;
constinit OtherAllocator other{};

/// What the library of the allocator maps is for blocks that are on the books themselves.
void note_library() {
  Dl_info library{};
  if (dladdr(reinterpret_cast<void*>(below.malloc), &library) == 0) {
    return;
  }
  other.path = library.dli_fname;
  other.start = library.dli_fbase;
  Extent extent{reinterpret_cast<std::uintptr_t>(library.dli_fbase), 0};
  dl_iterate_phdr(measure, &extent);
  if (extent.limit > extent.start) {
    ignore_mappings_of(extent.start, extent.limit);
  }
}

/// The names of glibc's functions do not tell: mimalloc has a __libc_malloc, too.
template <typename Function>
bool is_of_libc(Function* function) {
  Dl_info libc{};
  Dl_info library{};
  return dladdr(reinterpret_cast<void*>(gnu_get_libc_version), &libc) == 0 ||
         dladdr(reinterpret_cast<void*>(function), &library) == 0 ||
         libc.dli_fbase == library.dli_fbase;
}

/// Each function is the one that the program would call without us, but for those of aligned
/// blocks, which are one.
void look() {
  if (is_looking) {
    return;
  }
  is_looking = true;
  Allocator found = glibc;
  found.malloc = next(glibc.malloc, "malloc");
  if (found.malloc == nullptr || is_of_libc(found.malloc)) {
    below = glibc;
    return;
  }
  found.calloc = next(glibc.calloc, "calloc");
  found.realloc = next(glibc.realloc, "realloc");
  found.free = next(glibc.free, "free");
  found.usable_size = next(glibc.usable_size, "malloc_usable_size");
  found.aligned_alloc = next(glibc.aligned_alloc, "memalign");
  if (is_of_libc(found.aligned_alloc)) {
    found.aligned_alloc = next(glibc.aligned_alloc, "aligned_alloc");
  }
  below = found;
  memtrack::expect_other_sources();
  note_library();
}

/// What was found, or glibc for who is called by the search itself.
const Allocator& found_below();

void* first_malloc(std::size_t size) {
  return found_below().malloc(size);
}
void* first_calloc(std::size_t count, std::size_t size) {
  return found_below().calloc(count, size);
}
void* first_realloc(void* block, std::size_t size) {
  return found_below().realloc(block, size);
}
void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  return found_below().aligned_alloc(alignment, size);
}
void first_free(void* block) {
  found_below().free(block);
}
std::size_t first_usable_size(void* block) {
  return found_below().usable_size(block);
}

const Allocator& found_below() {
  const int before = errno;
  look();
  errno = before;
  return below.malloc == first_malloc ? glibc : below;
}

}  // namespace

constinit Allocator below{first_malloc,        first_calloc, first_realloc,
                          first_aligned_alloc, first_free,   first_usable_size};

OtherAllocator find_other_allocator() noexcept {
  look();
  if (other.path != nullptr) {
    // operator new(unsigned long). A search that finds nothing would allocate.
    void* const operator_new = dlsym(RTLD_DEFAULT, "_Znwm");
    Dl_info operators{};
    other.has_operator_new = operator_new != nullptr && dladdr(operator_new, &operators) != 0 &&
                             operators.dli_fbase == other.start;
  }
  return other;
}

bool program_has_own_malloc() noexcept {
  Dl_info here{};
  Dl_info first{};
  ElfW(Sym)* symbol = nullptr;
  // A program that takes malloc's address may have a stub that leads on, which is no definition.
  return dladdr(&below, &here) != 0 &&
         dladdr1(dlsym(RTLD_DEFAULT, "malloc"), &first, reinterpret_cast<void**>(&symbol),
                 RTLD_DL_SYMENT) != 0 &&
         first.dli_fbase != here.dli_fbase && symbol != nullptr && symbol->st_shndx != SHN_UNDEF;
}

}  // namespace heapwatch::preload
