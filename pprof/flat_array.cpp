#include "pprof/flat_array.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace heapwatch::pprof {

void discard_pages(const void* first, const void* last) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  // The page of the first byte may also hold the allocator's own header.
  const std::uintptr_t from = reinterpret_cast<std::uintptr_t>(first) / page * page + page;
  const std::uintptr_t to = reinterpret_cast<std::uintptr_t>(last) / page * page;
  if (from < to) {
    // Advice only: when the system does not take it, the memory merely stays until it is freed.
    static_cast<void>(madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED));
  }
}

}  // namespace heapwatch::pprof
