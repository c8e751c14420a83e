#include "preload/intervals.h"

#include <string.h>

#include "memtrack/pages.h"

namespace heapwatch::preload {

std::size_t Intervals::index_after(std::uintptr_t address) const {
  std::size_t low = 0;
  std::size_t high = count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (pieces_[middle].limit > address) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

const Piece* Intervals::find(std::uintptr_t low, std::uintptr_t high) const {
  const std::size_t index = index_after(low);
  return index < count_ && pieces_[index].start < high ? &pieces_[index] : nullptr;
}

void Intervals::remove(const Piece* piece) {
  const auto index = static_cast<std::size_t>(piece - pieces_);
  memmove(pieces_ + index, pieces_ + index + 1, (count_ - index - 1) * sizeof(Piece));
  --count_;
}

bool Intervals::insert(const Piece& piece) {
  if (pieces_ == nullptr) {
    pieces_ = static_cast<Piece*>(memtrack::map_pages(pieces_max * sizeof(Piece)));
  }
  if (pieces_ == nullptr || count_ == pieces_max) {
    return false;
  }
  const std::size_t index = index_after(piece.start);
  memmove(pieces_ + index + 1, pieces_ + index, (count_ - index) * sizeof(Piece));
  pieces_[index] = piece;
  ++count_;
  return true;
}

}  // namespace heapwatch::preload
