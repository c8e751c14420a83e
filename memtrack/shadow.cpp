#include "memtrack/shadow.h"

#include "memtrack/pages.h"

namespace heapwatch::memtrack::shadow {

constinit Word* regions[std::size_t{1} << (address_bits - region_bits)];

Word* find_or_map(const void* block) noexcept {
  if (Word* word = find(block); word != nullptr) {
    return word;
  }
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  if ((address >> address_bits) != 0 || (address & ((1U << granule_bits) - 1)) != 0) {
    return nullptr;
  }
  // The words of a block at the very end of the region run over into the extra ones.
  constexpr std::size_t words =
      (std::size_t{1} << (region_bits - granule_bits)) + words_of_block_max;
  auto* const mapped = static_cast<Word*>(map_pages(words * sizeof(Word)));
  if (mapped == nullptr) {
    return nullptr;
  }
  Word* expected = nullptr;
  if (!__atomic_compare_exchange_n(&regions[address >> region_bits], &expected, mapped, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    unmap_pages(mapped, words * sizeof(Word));
  }
  return find(block);
}

std::uintptr_t live_block_below(std::uintptr_t address, std::size_t distance_max) noexcept {
  constexpr std::uintptr_t granule = std::uintptr_t{1} << granule_bits;
  const std::uintptr_t region_start = address & ~((std::uintptr_t{1} << region_bits) - 1);
  const std::uintptr_t lowest =
      address - region_start > distance_max ? address - distance_max : region_start;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address to look up
  const Word* const words = find(reinterpret_cast<const void*>(region_start));
  for (std::uintptr_t at = address; words != nullptr && at >= lowest + granule;) {
    at -= granule;
    if (is_live(words[(at - region_start) / granule].load(std::memory_order_relaxed))) {
      return at;
    }
  }
  return 0;
}

}  // namespace heapwatch::memtrack::shadow
