#include "memtrack/shadow.h"

namespace heapwatch::memtrack::shadow {

constinit Region* regions[region_count];
constinit PartsInUse<region_count> regions_in_use{};

Word* find_or_map(const void* block) noexcept {
  if (Word* const word = find(block); word != nullptr || !is_fit(block)) {
    return word;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  return map_region(regions, regions_in_use, address >> region_bits) ? find(block) : nullptr;
}

std::uintptr_t live_block_below(std::uintptr_t address, std::size_t distance_max) noexcept {
  constexpr std::uintptr_t granule = std::uintptr_t{1} << granule_bits;
  const std::uintptr_t region_start = address & ~((std::uintptr_t{1} << region_bits) - 1);
  const std::uintptr_t lowest =
      address - region_start > distance_max ? address - distance_max : region_start;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address to look up
  const Word* const words = find(reinterpret_cast<const void*>(region_start));
  if (words == nullptr) {
    return 0;
  }
  for (std::size_t at = (address - region_start) / granule + 1; at-- > 0;) {
    const std::uint16_t word = words[at].load(std::memory_order_relaxed);
    const std::uintptr_t start =
        region_start + at * granule + ((word & half_bit) != 0 ? granule / 2 : 0);
    if (start < lowest) {
      return 0;
    }
    if (is_taken(word) && start < address) {
      return start;
    }
  }
  return 0;
}

}  // namespace heapwatch::memtrack::shadow
