#include "pprof/flat_array.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace heapwatch::pprof {

void discard_pages(const void* first, const void* last) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto from = reinterpret_cast<std::uintptr_t>(first);
  const auto to = reinterpret_cast<std::uintptr_t>(last) / page * page;
  // The page of the first byte may also hold the allocator's own header.
  const std::uintptr_t whole = from / page * page + page;
  if (whole < to) {
    char* const at = const_cast<char*>(static_cast<const char*>(first)) + (whole - from);
    // Advice only: when the system does not take it, the memory merely stays until it is freed.
    static_cast<void>(madvise(at, to - whole, MADV_DONTNEED));
  }
}

}  // namespace heapwatch::pprof
