// What is mapped by the program, as ranges of addresses that do not overlap, each as it is kept.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {
struct Live;
}

namespace heapwatch::preload {

struct Piece {
  std::uintptr_t start;
  std::uintptr_t limit;
  memtrack::Live* kept;  // null: could not be kept

  [[nodiscard]] std::size_t bytes() const { return limit - start; }
};

/// In the order of addresses, in pages of its own.
///
/// Threads: not safe. Starts as zeros, so that it is there before any constructor.
class Intervals {
 public:
  /// As many mappings as the kernel lets a process have, unless it is told to allow more.
  static constexpr std::size_t pieces_max = 1U << 16;

  /// The first piece that reaches into [low, high); null when there is none. Until the next change.
  [[nodiscard]] const Piece* find(std::uintptr_t low, std::uintptr_t high) const;
  void remove(const Piece* piece);
  /// Where nothing is. False when there is no room.
  [[nodiscard]] bool insert(const Piece& piece);

  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  /// Index of the first piece that ends after an address.
  [[nodiscard]] std::size_t index_after(std::uintptr_t address) const;

  Piece* pieces_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace heapwatch::preload
