#include "memtrack/shadow.h"

#include "memtrack/pages.h"

namespace heapwatch::memtrack::shadow {

constinit Region* regions[std::size_t{1} << (address_bits - region_bits)];

Byte* find_or_map(const void* block) noexcept {
  if (Byte* const byte = find(block); byte != nullptr || !is_fit(block)) {
    return byte;
  }
  auto* const mapped = static_cast<Region*>(map_pages(sizeof(Region)));
  if (mapped == nullptr) {
    return nullptr;
  }
  Region* expected = nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  if (!__atomic_compare_exchange_n(&regions[address >> region_bits], &expected, mapped, false,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    unmap_pages(mapped, sizeof(Region));
  }
  return find(block);
}

}  // namespace heapwatch::memtrack::shadow
