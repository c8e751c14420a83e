#include "base/owned_descriptors.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace heapwatch::base {

namespace {

constexpr std::size_t word_bits = 64;
constexpr std::size_t words = 1024;

/// A bit a descriptor. Constant from the start, so that there is no order of construction.
constinit std::array<std::atomic<std::uint64_t>, words> owned{};

struct Place {
  std::size_t word;
  std::uint64_t bit;
};

bool find(int descriptor, Place& place) noexcept {
  const auto number = static_cast<std::size_t>(descriptor);
  if (descriptor < 0 || number >= words * word_bits) {
    return false;
  }
  place = {.word = number / word_bits, .bit = std::uint64_t{1} << (number % word_bits)};
  return true;
}

}  // namespace

int own_descriptor(int descriptor) noexcept {
  if (Place place{}; find(descriptor, place)) {
    owned[place.word].fetch_or(place.bit, std::memory_order_relaxed);
  }
  return descriptor;
}

int disown_descriptor(int descriptor) noexcept {
  if (Place place{}; find(descriptor, place)) {
    owned[place.word].fetch_and(~place.bit, std::memory_order_relaxed);
  }
  return descriptor;
}

void close_owned_descriptors() noexcept {
  for (std::size_t word = 0; word < words; ++word) {
    for (std::uint64_t bits = owned[word].exchange(0, std::memory_order_relaxed); bits != 0;
         bits &= bits - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
      (void)close(static_cast<int>(word * word_bits + bit));
    }
  }
}

}  // namespace heapwatch::base
