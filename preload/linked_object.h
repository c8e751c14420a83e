// An object of the process (the program, a library), as the dynamic linker has mapped it: its
// tables, and words of it that are changed while threads use them.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload {

/// What the dynamic section says of an object.
struct Tables {
  const ElfW(Sym) * symbols;
  const char* names;
  const std::uint32_t* hash;  // DT_GNU_HASH
  const ElfW(Rela) * calls;
  std::size_t calls_bytes;
  const ElfW(Rela) * others;
  std::size_t others_bytes;
};

template <typename T>
T* at(std::uintptr_t address) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): as the loader has it
  return reinterpret_cast<T*>(address);
}

/// False: it has no names, or no symbols.
[[nodiscard]] bool find_tables(const dl_phdr_info& object, Tables& tables) noexcept;
/// A function that the object defines, by DT_GNU_HASH; null: it does not.
[[nodiscard]] const ElfW(Sym) * find_defined(const Tables& tables, const char* name) noexcept;
[[nodiscard]] bool is_inside(const dl_phdr_info& object, std::uintptr_t address) noexcept;
[[nodiscard]] bool is_loader(const dl_phdr_info& object) noexcept;
/// What the kernel brings.
[[nodiscard]] bool is_of_kernel(const dl_phdr_info& object) noexcept;

/// In one store, as threads read it meanwhile. A page that is read only is made writable for the
/// moment, with what it was otherwise. False: it is no word of the object, or the kernel refuses.
bool write_word(const dl_phdr_info& object, std::uintptr_t address, std::uintptr_t value) noexcept;

}  // namespace heapwatch::preload
