// Along a heap of glibc, chunk by chunk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "memory/glibc/layout.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::glibc {

/// A piece of memory that one arena fills with chunks.
struct Piece {
  std::uint64_t begin = 0;  // the first chunk
  std::uint64_t end = 0;    // no chunk reaches beyond it
  std::uint64_t top = 0;    // the arena's top chunk when it lies here, else 0
  std::uint64_t claim_begin = 0;
  std::uint64_t claim_end = 0;  // with what is reserved behind it
};

enum class ChunkKind : std::uint8_t { in_use, free, top };

struct Chunk {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  ChunkKind kind = ChunkKind::in_use;
  /// The second word of its user's memory, where a free block in a cache is marked; else 0.
  std::uint64_t mark = 0;
  /// What the program may use: up to and with the first word of the next chunk.
  [[nodiscard]] std::uint64_t user() const { return address + header_bytes; }
  [[nodiscard]] std::uint64_t usable() const { return size - 8; }
};

/// How many more chunks may be looked at. A heap that is told again and again under other names
/// costs no more than an honest one.
struct Budget {
  std::uint64_t chunks = 0;
};

/// Visits the chunks of a piece in order, fence posts left out. The top chunk is the one that
/// reaches to the end of a piece with a top, which need not be where the piece says. In use are
/// also those in caches and fast bins, which the chunks themselves do not tell.
///
/// Returns what is wrong and where, or an empty text. A visit has happened for all chunks before.
[[nodiscard]] std::string walk(process::Window& window, const Piece& piece, Budget& budget,
                               const std::function<void(const Chunk&)>& visit);

}  // namespace heapwatch::memory::glibc
