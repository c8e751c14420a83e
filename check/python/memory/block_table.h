// The live blocks of a traced run, by their address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace heapwatch::check::python::memory {

/// What is known of a block of memory.
struct Block {
  std::uintptr_t address = 0;  // 0: an empty slot
  std::uint64_t size = 0;      // as it was asked for
  std::uint32_t stack = 0;     // a CallStacks::Id
  std::uint32_t run : 20 = 0;
  std::uint32_t counted : 1 = 0;  // 0: only watched, since it was there before the tracing began
  // What was there before the run, with a new object in it: tracemalloc, which forgets everything
  // before each run, does not know it.
  std::uint32_t reused : 1 = 0;
  std::uint32_t domain : 7 = 0;     // a MemoryDomains::Index
  std::uint32_t own : 1 = 0;        // made by the profiler itself
  std::uint32_t is_object : 1 = 0;  // for an object, of the domain OBJ
  std::uint32_t is_code : 1 = 0;    // a code object that stacks refer to
};

/// An open-addressing hash table that closes the gap behind what it removes, so that the endless
/// coming and going of temporaries leaves no trace in it.
///
/// Threads: not safe. Errors: put() says whether there was memory.
class BlockTable {
 public:
  /// Replaces what is known of the address.
  [[nodiscard]] bool put(const Block& block) noexcept;
  [[nodiscard]] Block* find(std::uintptr_t address) noexcept;
  /// Whether there was a block at the address, which is then `taken` and gone.
  bool take(std::uintptr_t address, Block& taken) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return used_; }

  /// Calls `visit(const Block&)` for each, in no order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < slots(); ++i) {
      if (blocks_[i].address != 0) {
        visit(blocks_[i]);
      }
    }
  }

 private:
  [[nodiscard]] std::size_t slots() const noexcept { return blocks_ ? mask_ + 1 : 0; }
  [[nodiscard]] std::size_t home(std::uintptr_t address) const noexcept {
    return static_cast<std::size_t>(((address >> 4U) * 0x9E3779B97F4A7C15U) >> shift_);
  }
  [[nodiscard]] bool grow() noexcept;
  void remove(std::size_t slot) noexcept;

  std::unique_ptr<Block[]> blocks_;
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
  std::size_t used_ = 0;
};

}  // namespace heapwatch::check::python::memory
