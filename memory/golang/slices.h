// Slices of pointers in a module's data, the longest first.
#pragma once

#include <cstdint>
#include <vector>

#include "memory/process/modules.h"

namespace heapwatch::memory::golang {

/// A Go slice header: where its elements are, and how many.
struct Slice {
  std::uint64_t elements = 0;
  std::uint64_t length = 0;
};

/// Bounds what a hostile process can make us read.
inline constexpr std::uint64_t elements_max = std::uint64_t{16} << 20;
inline constexpr std::uint64_t data_bytes_max = std::uint64_t{256} << 20;
inline constexpr std::size_t slices_max = std::size_t{1} << 20;

/// Every three words in the module's writable segments that can be a slice of pointers: an address
/// in anonymous memory, a length and a capacity that fit the mapping.
[[nodiscard]] std::vector<Slice> pointer_slices(const process::ProcessView& view,
                                                const process::Module& module);

}  // namespace heapwatch::memory::golang
