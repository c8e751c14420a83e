// Files that are mapped: what is still the file's and what the process has written over.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::files {

/// .bss: the zeroed rest of a writable segment, by its program header. Comes before readers that
/// search anonymous memory.
[[nodiscard]] Found find_bss(const Look& look);

/// The pages of mapped files, by the page tables' word for each page: of the file (clean, or shared
/// with it), or private because it was written.
[[nodiscard]] Found find(const Look& look);

/// The loader's own memory and the main thread's thread-local variables: small anonymous mappings
/// beside a module, and the one with the main thread's control block.
[[nodiscard]] Found find_loader(const Look& look);

}  // namespace heapwatch::memory::files
