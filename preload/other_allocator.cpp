#include "preload/other_allocator.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): glibc's
extern "C" void __libc_free(void* block);

namespace heapwatch::preload {

constinit OtherAllocator other_allocator{};

namespace {

template <typename Function>
void find_next(Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void find_other_allocator() noexcept {
  OtherAllocator found{};
  find_next(found.free, "free");
  if (found.free == nullptr || found.free == __libc_free) {
    return;
  }
  find_next(found.usable_size, "malloc_usable_size");
  if (found.usable_size != nullptr) {
    other_allocator = found;
  }
}

bool program_has_own_malloc() noexcept {
  Dl_info here{};
  Dl_info first{};
  ElfW(Sym)* symbol = nullptr;
  // A program that takes malloc's address may have a stub that leads on, which is no definition.
  return dladdr(&other_allocator, &here) != 0 &&
         dladdr1(dlsym(RTLD_DEFAULT, "malloc"), &first, reinterpret_cast<void**>(&symbol),
                 RTLD_DL_SYMENT) != 0 &&
         first.dli_fbase != here.dli_fbase && symbol != nullptr && symbol->st_shndx != SHN_UNDEF;
}

}  // namespace heapwatch::preload
