// jemalloc 5, from outside.
#pragma once

#include "memory/jemalloc/extents.h"
#include "memory/picture.h"

namespace heapwatch::memory::jemalloc {

/// jemalloc's statistics of the same names. Units: bytes, resident or not.
struct Totals {
  std::uint64_t active = 0;
  std::uint64_t allocated = 0;
};
[[nodiscard]] Totals totals_of(const Extents& extents);

[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::jemalloc
