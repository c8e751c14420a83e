#include "memory/golang/slices.h"

#include <algorithm>
#include <array>

namespace heapwatch::memory::golang {

namespace {

using process::Mapping;
using process::ProcessView;

/// Whether `bytes` at `address` lie in one writable anonymous mapping.
bool lies_in_memory(const ProcessView& view, std::uint64_t address, std::uint64_t bytes) {
  const Mapping* const mapping = view.mapping_at(address);
  return mapping != nullptr && mapping->is_anonymous() && mapping->writable &&
         bytes <= mapping->end - address;
}

}  // namespace

std::vector<Slice> pointer_slices(const ProcessView& view, const process::Module& module) {
  std::vector<Slice> slices;
  std::uint64_t looked_at = 0;
  for (const process::Segment& segment : module.segments) {
    if (!segment.writable) {
      continue;
    }
    process::Window window(view);
    const std::uint64_t begin = (segment.begin + 7) & ~std::uint64_t{7};
    for (std::uint64_t at = begin; at + 24 <= segment.memory_end; at += 8) {
      if ((looked_at += 8) > data_bytes_max || slices.size() >= slices_max) {
        return slices;
      }
      const auto words = window.get<std::array<std::uint64_t, 3>>(at);
      if (!words) {
        at = ((at + process::page_bytes) & ~(process::page_bytes - 1)) - 8;
        continue;
      }
      const auto [elements, length, capacity] = *words;
      const bool is_slice = elements != 0 && elements % 8 == 0 && length != 0 &&
                            length <= capacity && capacity <= elements_max;
      if (is_slice && lies_in_memory(view, elements, length * 8)) {
        slices.push_back({elements, length});
      }
    }
  }
  std::stable_sort(slices.begin(), slices.end(),
                   [](const Slice& a, const Slice& b) { return a.length > b.length; });
  return slices;
}

}  // namespace heapwatch::memory::golang
