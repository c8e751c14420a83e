#include "memtrack/fallback.h"

#include <string.h>

#include "memtrack/lock.h"
#include "memtrack/pages.h"

namespace heapwatch::memtrack::fallback {

namespace {

struct Slot {
  const void* block;  // null: empty
  Entry entry;
};

constexpr std::size_t first_capacity = 512;

/// Open addressing with linear probes; at most half full.
struct Shard {
  Lock lock;
  Slot first[first_capacity]{};  // works without any memory
  Slot* slots = nullptr;
  std::size_t capacity = 0;
  std::size_t count = 0;
};

constexpr unsigned shard_bits = 4;
constinit Shard shards[1U << shard_bits]{};
constinit std::atomic<std::uint64_t> blocks{0};  // in all shards

std::size_t hash_of(const void* block) {
  return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(block) >> 3) *
                                  std::uintptr_t{0x9e3779b97f4a7c15U});
}

Shard& shard_of(const void* block) {
  return shards[hash_of(block) >> (64 - shard_bits)];
}

std::size_t home_of(const void* block, std::size_t capacity) {
  return (hash_of(block) >> 24) & (capacity - 1);
}

void put(Slot* slots, std::size_t capacity, const Slot& slot) {
  std::size_t at = home_of(slot.block, capacity);
  while (slots[at].block != nullptr) {
    at = (at + 1) & (capacity - 1);
  }
  slots[at] = slot;
}

bool grow(Shard& shard) {
  if (shard.slots == nullptr) {
    shard.slots = shard.first;
    shard.capacity = first_capacity;
    return true;
  }
  const std::size_t capacity = shard.capacity * 2;
  auto* const slots = static_cast<Slot*>(map_pages(capacity * sizeof(Slot)));
  if (slots == nullptr) {
    return false;
  }
  for (std::size_t i = 0; i < shard.capacity; ++i) {
    if (shard.slots[i].block != nullptr) {
      put(slots, capacity, shard.slots[i]);
    }
  }
  if (shard.slots != shard.first) {
    unmap_pages(shard.slots, shard.capacity * sizeof(Slot));
  }
  shard.slots = slots;
  shard.capacity = capacity;
  return true;
}

/// Empties the slot and moves up what had to probe past it.
void erase(Shard& shard, std::size_t hole) {
  const std::size_t mask = shard.capacity - 1;
  for (std::size_t at = (hole + 1) & mask; shard.slots[at].block != nullptr; at = (at + 1) & mask) {
    const std::size_t home = home_of(shard.slots[at].block, shard.capacity);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      shard.slots[hole] = shard.slots[at];
      hole = at;
    }
  }
  shard.slots[hole].block = nullptr;
  --shard.count;
}

/// The slot of the block; the capacity when it has none.
std::size_t find(const Shard& shard, const void* block) {
  if (shard.count == 0) {
    return shard.capacity;
  }
  const std::size_t mask = shard.capacity - 1;
  for (std::size_t at = home_of(block, shard.capacity); shard.slots[at].block != nullptr;
       at = (at + 1) & mask) {
    if (shard.slots[at].block == block) {
      return at;
    }
  }
  return shard.capacity;
}

}  // namespace

bool insert(const void* block, const Entry& entry) noexcept {
  Shard& shard = shard_of(block);
  const Locked locked(shard.lock);
  if (shard.count * 2 >= shard.capacity && !grow(shard) && shard.count + 1 >= shard.capacity) {
    return false;
  }
  put(shard.slots, shard.capacity, {block, entry});
  ++shard.count;
  blocks.fetch_add(1, std::memory_order_release);
  return true;
}

bool has(const void* block) noexcept {
  if (blocks.load(std::memory_order_acquire) == 0) {
    return false;
  }
  Shard& shard = shard_of(block);
  const Locked locked(shard.lock);
  return find(shard, block) != shard.capacity;
}

bool take(const void* block, Entry& entry) noexcept {
  if (blocks.load(std::memory_order_acquire) == 0) {
    return false;
  }
  Shard& shard = shard_of(block);
  const Locked locked(shard.lock);
  const std::size_t at = find(shard, block);
  if (at == shard.capacity) {
    return false;
  }
  entry = shard.slots[at].entry;
  erase(shard, at);
  blocks.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void clear() noexcept {
  for (Shard& shard : shards) {
    const Locked locked(shard.lock);
    for (std::size_t i = 0; i < shard.capacity; ++i) {
      shard.slots[i].block = nullptr;
    }
    blocks.fetch_sub(shard.count, std::memory_order_relaxed);
    shard.count = 0;
  }
}

void before_fork() noexcept {
  for (Shard& shard : shards) {
    shard.lock.acquire();
  }
}

void after_fork() noexcept {
  for (Shard& shard : shards) {
    shard.lock.release();
  }
}

}  // namespace heapwatch::memtrack::fallback
