#include "memory/glibc/walk.h"

#include <array>
#include <charconv>

namespace heapwatch::memory::glibc {

namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 18> digits{'0', 'x'};
  const auto end = std::to_chars(digits.data() + 2, digits.data() + digits.size(), value, 16);
  return {digits.data(), end.ptr};
}

constexpr std::uint64_t fence_bytes = 16;

}  // namespace

std::string walk(process::Window& window, const Piece& piece, Budget& budget,
                 const std::function<void(const Chunk&)>& visit) {
  Chunk previous;  // its kind is in the header of the one behind it
  const auto pass_on = [&](ChunkKind kind) {
    if (previous.size >= chunk_bytes_min) {
      previous.kind = kind;
      visit(previous);
    }
  };
  std::uint64_t at = piece.begin;
  for (;;) {
    if (at + header_bytes > piece.end) {
      // Where a heap ends without a fence post its last chunk is in use.
      pass_on(ChunkKind::in_use);
      return at == piece.end && piece.top == 0 ? "" : "a chunk reaches beyond its heap";
    }
    const auto word = window.get<std::uint64_t>(at + 8);
    if (!word) {
      return "the header at " + hexadecimal(at) + " cannot be read";
    }
    if (budget.chunks == 0) {
      return "there are more chunks than memory for them";
    }
    --budget.chunks;
    pass_on((*word & previous_in_use) != 0 ? ChunkKind::in_use : ChunkKind::free);
    const std::uint64_t size = *word & size_mask;
    if (at == piece.top) {
      if (size < header_bytes || size > piece.end - at) {
        return "the top chunk has a size of " + std::to_string(size);
      }
      visit({at, size, ChunkKind::top});
      return {};
    }
    // The second fence post: of size 0 in a thread's heap, of 16 in the main one.
    const bool ends = piece.end - at <= fence_bytes + 15 && (size == 0 || size == fence_bytes);
    if (ends) {
      return piece.top == 0 ? "" : "it ends before its top chunk";
    }
    const bool is_fence = size == fence_bytes && piece.end - at <= 2 * fence_bytes + 15;
    if ((size < chunk_bytes_min && !is_fence) || size % 16 != 0 || size > piece.end - at ||
        (*word & is_mmapped) != 0) {
      return "the chunk at " + hexadecimal(at) + " has a size of " + std::to_string(size);
    }
    previous = {at, size, ChunkKind::in_use};
    at += size;
  }
}

}  // namespace heapwatch::memory::glibc
