#include "pprof/flat_array.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace heapwatch::pprof {
namespace {

// From here on a block is a mapping of its own: it grows by moving pages instead of bytes, and what
// is freed goes back to the system, where the allocator would keep it.
constexpr std::size_t mapped_bytes_min = std::size_t{1} << 20U;
// Blocks that are touched everywhere take fewer, larger pages.
constexpr std::size_t large_page_bytes = std::size_t{2} << 20U;
constexpr std::size_t large_pages_bytes_min = 8 * large_page_bytes;

void* checked(void* block) {
  if (block == nullptr || block == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return block;
}

}  // namespace

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

void* grow_block(void* block, std::size_t bytes, std::size_t wanted_bytes) {
  if (wanted_bytes < mapped_bytes_min) {
    return checked(std::realloc(block, wanted_bytes));
  }
  void* grown = nullptr;
  if (bytes >= mapped_bytes_min) {
    grown = checked(mremap(block, bytes, wanted_bytes, MREMAP_MAYMOVE));
  } else {
    grown = checked(
        mmap(nullptr, wanted_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (bytes != 0) {
      std::memcpy(grown, block, bytes);
    }
    std::free(block);
  }
  if (wanted_bytes >= large_pages_bytes_min) {
    static_cast<void>(madvise(grown, wanted_bytes, MADV_HUGEPAGE));
  }
  return grown;
}

void free_block(void* block, std::size_t bytes) {
  if (bytes < mapped_bytes_min) {
    std::free(block);
  } else {
    munmap(block, bytes);
  }
}

}  // namespace heapwatch::pprof
