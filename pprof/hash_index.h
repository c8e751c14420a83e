// Finds the position of an element of some array by its hash, without holding the elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace heapwatch::pprof {

/// "No such element", in every array of a profile.
inline constexpr std::uint32_t no_index = std::numeric_limits<std::uint32_t>::max();

/// Mixes one more word into a hash.
[[nodiscard]] constexpr std::uint64_t hash_word(std::uint64_t hash, std::uint64_t word) {
  // The first product keeps (a, b) apart from (b, a).
  hash = ((hash * 0xff51afd7ed558ccdU) ^ word) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32U);
}

[[nodiscard]] inline std::uint64_t hash_bytes(const void* bytes, std::size_t size,
                                              std::uint64_t hash = 0) {
  const char* at = static_cast<const char*>(bytes);
  hash = hash_word(hash, size);
  for (; size >= sizeof(std::uint64_t); size -= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    hash = hash_word(hash, word);
    at += sizeof word;
  }
  std::uint64_t rest = 0;
  if (size != 0) {
    std::memcpy(&rest, at, size);
  }
  return hash_word(hash, rest);
}

/// An open-addressing table from hash to position. The elements stay in the caller's array.
class HashIndex {
 public:
  /// The position of the element with this hash for which `equal(position)` holds, or no_index.
  template <typename Equal>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, const Equal& equal) const {
    return slots_.empty() ? no_index : slots_[probe(hash, equal)].position;
  }

  /// As find(), but enters `next` when there is none, and returns it.
  template <typename Equal>
  std::uint32_t find_or_add(std::uint64_t hash, std::uint32_t next, const Equal& equal) {
    if ((count_ + 1) * 4 > slots_.size() * 3) {
      grow();
    }
    Slot& slot = slots_[probe(hash, equal)];
    if (slot.position == no_index) {
      slot = {tag(hash), next};
      ++count_;
    }
    return slot.position;
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t position = no_index;
  };

  static std::uint32_t tag(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
  }

  template <typename Equal>
  [[nodiscard]] std::size_t probe(std::uint64_t hash, const Equal& equal) const {
    const std::size_t mask = slots_.size() - 1;
    const std::uint32_t wanted = tag(hash);
    std::size_t at = wanted & mask;
    while (slots_[at].position != no_index &&
           !(slots_[at].tag == wanted && equal(slots_[at].position))) {
      at = (at + 1) & mask;
    }
    return at;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.position != no_index) {
        std::size_t at = slot.tag & mask;
        while (slots_[at].position != no_index) {
          at = (at + 1) & mask;
        }
        slots_[at] = slot;
      }
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace heapwatch::pprof
