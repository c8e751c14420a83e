// The books of CPython's free lists while these are suspended: what they would hold.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "check/python/memory/block_table.h"
#include "check/python/memory/free_lists.h"

namespace heapwatch::check::python::memory {

/// With its free lists in service CPython would keep the memory of an object that died, and the
/// next of its kind would take it over. tracemalloc counts such memory as held, by the line that
/// made the last object of it. So here: the last block to come is the first to go.
///
/// Threads: with the GIL held. Errors: without memory a block is not kept.
class FreeListBooks {
 public:
  /// No object of a kind with a list.
  static constexpr int none = -1;

  /// `sizes`: how many blocks the lists held that are not on the books.
  void start(const heapwatch_free_list_sizes& sizes);
  /// A full garbage collection empties the lists.
  void clear();

  /// The kind of the object in a block of that size, by what stands in the block.
  [[nodiscard]] static int kind_of(std::uintptr_t address, std::uint64_t size) noexcept;
  /// Whether a block of that size may hold such an object; then what kind_of() reads is cleared.
  [[nodiscard]] static bool prepare(std::uintptr_t address, std::uint64_t size) noexcept;

  /// The block's object died. Of a block that is not on the books, `counted` is 0.
  void keep(int kind, const Block& block) noexcept;
  /// An object is made: whether the list would have held memory for it that was asked for before
  /// the run.
  [[nodiscard]] bool take(int kind, std::uint32_t run) noexcept;

  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const std::vector<Block>& list : lists_) {
      for (const Block& block : list) {
        visit(block);
      }
    }
  }

 private:
  std::array<std::vector<Block>, heapwatch_kinds> lists_;
};

}  // namespace heapwatch::check::python::memory
