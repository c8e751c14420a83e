#include "base/resident_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

namespace heapwatch::base {

namespace {

/// One mapping of /proc/self/smaps.
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool is_file = false;  // read only, private, and of a file

  /// False when `line` is none that begins a mapping.
  bool begin_at(const std::string& line) {
    constexpr int fields = 4;
    std::array<char, 5> permissions{};
    unsigned long inode = 0;
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    // NOLINTNEXTLINE(cert-err34-c): these are the kernel's own numbers
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %*x %*s %lu", &from, &to, permissions.data(),
                    &inode) != fields) {
      return false;
    }
    begin = from;
    end = to;
    is_file = inode != 0 && permissions[1] == '-' && permissions[3] == 'p';
    return true;
  }
};

/// Of the line that counts the pages which are no longer the file's: the loader, a debugger or a
/// probe wrote to them.
bool says_unwritten(const std::string& line) {
  unsigned long kib = 1;
  // NOLINTNEXTLINE(cert-err34-c): as above
  return std::sscanf(line.c_str(), "Anonymous: %lu kB", &kib) == 1 && kib == 0;
}

}  // namespace

void spare_memory() {
  // An arena keeps free memory of its own. The first thread has one, all others share one.
  constexpr int arenas = 2;
  (void)mallopt(M_ARENA_MAX, arenas);
}

std::size_t release_unused_memory() {
  std::size_t bytes = 0;
  std::ifstream smaps("/proc/self/smaps");
  Mapping mapping;
  for (std::string line; std::getline(smaps, line);) {
    if (mapping.begin_at(line) || !mapping.is_file || !says_unwritten(line)) {
      continue;
    }
    const std::size_t size = mapping.end - mapping.begin;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address, as the kernel tells it
    bytes += madvise(reinterpret_cast<void*>(mapping.begin), size, MADV_DONTNEED) == 0 ? size : 0;
  }
  (void)malloc_trim(0);
  return bytes;
}

}  // namespace heapwatch::base
