// Hashes of numbers, for as long as a process lives; hash.h has those of texts, which stay for
// ever.
#pragma once

#include <cstdint>

namespace heapwatch::base {

/// The hash of what `hash` is of, and of `value` behind it.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29U);
}

}  // namespace heapwatch::base
