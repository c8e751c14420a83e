// Regions, found by address: a table has a pointer for each part of the address space, null until
// memory in that part is first recorded. Such a table has millions of entries, of which a process
// uses some tens, and costs memory only where it was read or written. So the parts of it that have
// an entry are noted, and a walk over all regions reads no other.
#pragma once

#include <cstddef>

#include "memtrack/pages.h"

namespace heapwatch::memtrack {

/// Of a table with so many entries. Zeroed by the loader, as the table is.
template <std::size_t count>
struct PartsInUse {
  static constexpr std::size_t entries = 512;  // a page of pointers
  static_assert(count % entries == 0);

  bool parts[count / entries];
};

/// Gives an entry that is null a region; another thread may be faster. False when the kernel
/// refuses.
template <typename Region, std::size_t count>
bool map_region(Region* (&table)[count], PartsInUse<count>& in_use, std::size_t index) noexcept {
  auto* const mapped = static_cast<Region*>(map_pages(sizeof(Region)));
  if (mapped == nullptr) {
    return false;
  }
  // First, so that who sees the entry sees this.
  __atomic_store_n(&in_use.parts[index / in_use.entries], true, __ATOMIC_RELEASE);
  Region* seen = nullptr;
  if (!__atomic_compare_exchange_n(&table[index], &seen, mapped, false, __ATOMIC_ACQ_REL,
                                   __ATOMIC_ACQUIRE)) {
    unmap_pages(mapped, sizeof(Region));
  }
  return true;
}

/// act(Region*) for each that is mapped.
template <typename Region, std::size_t count, typename Act>
void each_region(Region* const (&table)[count], const PartsInUse<count>& in_use, Act act) noexcept {
  for (std::size_t part = 0; part < count / in_use.entries; ++part) {
    if (!__atomic_load_n(&in_use.parts[part], __ATOMIC_ACQUIRE)) {
      continue;
    }
    for (std::size_t at = part * in_use.entries; at < (part + 1) * in_use.entries; ++at) {
      if (Region* const region = __atomic_load_n(&table[at], __ATOMIC_ACQUIRE); region != nullptr) {
        act(region);
      }
    }
  }
}

}  // namespace heapwatch::memtrack
