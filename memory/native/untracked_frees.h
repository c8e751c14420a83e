// Untracked frees, as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memory/native/native_heap.h"
#include "memtrack/memtrack.h"

namespace heapwatch::memory::native {

/// An untracked free as people read it.
struct UntrackedFree {
  std::string kind;  // "foreign free" or "double free"
  std::uint64_t count = 0;
  std::string last;  // the pointer
  std::string component;
  std::vector<std::string> stack;
};
[[nodiscard]] std::vector<UntrackedFree> own_untracked_frees();
[[nodiscard]] UntrackedFree described(const memtrack_untracked_site& site, std::string component,
                                      const std::vector<NativeHeap::Mapping>& mappings);
/// As `status` shows them.
void append_untracked_frees(std::string& out, const std::vector<UntrackedFree>& frees);

}  // namespace heapwatch::memory::native
