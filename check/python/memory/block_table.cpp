#include "check/python/memory/block_table.h"

#include <new>

namespace heapwatch::check::python::memory {

namespace {

constexpr std::size_t first_slots = std::size_t{1} << 12U;

}  // namespace

bool BlockTable::put(const Block& block) noexcept {
  if (used_ >= slots() - slots() / 4 && !grow()) {
    return false;
  }
  std::size_t slot = home(block.address);
  while (blocks_[slot].address != 0 && blocks_[slot].address != block.address) {
    slot = (slot + 1) & mask_;
  }
  used_ += blocks_[slot].address == 0 ? 1 : 0;
  blocks_[slot] = block;
  return true;
}

Block* BlockTable::find(std::uintptr_t address) noexcept {
  if (used_ == 0) {
    return nullptr;
  }
  for (std::size_t slot = home(address); blocks_[slot].address != 0; slot = (slot + 1) & mask_) {
    if (blocks_[slot].address == address) {
      return &blocks_[slot];
    }
  }
  return nullptr;
}

bool BlockTable::take(std::uintptr_t address, Block& taken) noexcept {
  Block* const found = find(address);
  if (found == nullptr) {
    return false;
  }
  taken = *found;
  remove(static_cast<std::size_t>(found - blocks_.get()));
  return true;
}

/// Moves later blocks of the same chain into the gap, so that every chain stays without one.
void BlockTable::remove(std::size_t slot) noexcept {
  std::size_t gap = slot;
  for (std::size_t i = (gap + 1) & mask_; blocks_[i].address != 0; i = (i + 1) & mask_) {
    const std::size_t wanted = home(blocks_[i].address);
    if (((i - wanted) & mask_) >= ((i - gap) & mask_)) {
      blocks_[gap] = blocks_[i];
      gap = i;
    }
  }
  blocks_[gap].address = 0;
  --used_;
}

bool BlockTable::grow() noexcept {
  const std::size_t count = blocks_ ? slots() * 2 : first_slots;
  std::unique_ptr<Block[]> wider(new (std::nothrow) Block[count]);
  if (!wider) {
    return used_ < slots();  // fuller than it should be, but not full
  }
  wider.swap(blocks_);
  const std::size_t old_count = wider ? mask_ + 1 : 0;
  mask_ = count - 1;
  shift_ = static_cast<unsigned>(__builtin_clzll(mask_));
  for (std::size_t i = 0; i < old_count; ++i) {
    if (wider[i].address == 0) {
      continue;
    }
    std::size_t slot = home(wider[i].address);
    while (blocks_[slot].address != 0) {
      slot = (slot + 1) & mask_;
    }
    blocks_[slot] = wider[i];
  }
  return true;
}

}  // namespace heapwatch::check::python::memory
