// FNV-1a with 64 bits: the same everywhere and for ever, so check ids and phases survive a restart.
#pragma once

#include <cstdint>
#include <string_view>

namespace heapwatch::base {

inline constexpr std::uint64_t fnv1a_seed = 0xcbf29ce484222325U;

/// Continue from `state` to hash several texts as one.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view text,
                                            std::uint64_t state = fnv1a_seed) {
  for (const char c : text) {
    state ^= static_cast<unsigned char>(c);
    state *= 0x100000001b3U;
  }
  return state;
}

}  // namespace heapwatch::base
