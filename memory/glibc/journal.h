// What a pass over the heaps has seen, chunk by chunk, to be held against the next pass.
//
// A program that runs on changes its heaps while they are read, and a walk may end well all the
// same: blocks that were moved from what is not read yet to what was read are missed. So the heaps
// are walked twice. Between the two passes there is a moment; a chunk that both have seen alike,
// the one before and the other after that moment, was so at that moment. What was seen in one pass
// alone may have been anything: it is how far off the numbers may be.
//
// A chunk that was freed and allocated again between the passes is seen alike. Blocks that change
// so are seen to change as often as not, and then they are counted here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "memory/glibc/caches.h"

namespace heapwatch::memory::glibc {

/// Of all arenas of a pass; with more nothing is kept.
inline constexpr std::size_t journal_bytes_max = std::size_t{64} << 20;

enum class Seen : std::uint8_t { live, idle, free };  // idle: free, in a cache

/// One arena's chunks in a byte or two each.
class Journal {
 public:
  /// Chunks follow one another from here.
  void begin_piece(std::uint64_t address);
  void add(std::uint64_t size, Seen seen);
  void clear();

  [[nodiscard]] std::size_t bytes() const { return codes_.size(); }

  struct Entry {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    Seen seen = Seen::live;
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  /// From the lowest address up.
  class Reader {
   public:
    explicit Reader(const Journal& journal);
    /// Absent: that was all.
    [[nodiscard]] std::optional<Entry> next();

   private:
    const Journal* journal_;
    std::vector<std::size_t> order_;  // of pieces, by address
    std::size_t piece_ = 0;
    std::size_t at_ = 0;
    std::uint64_t address_ = 0;
  };

 private:
  struct Part {
    std::uint64_t address = 0;
    std::size_t begin = 0;  // of its codes
  };
  std::vector<Part> parts_;
  std::vector<std::uint8_t> codes_;
};

/// Of some chunks that were listed somewhere, those that the pass has seen in use.
[[nodiscard]] std::vector<FreeChunk> seen_in_use(const Journal& journal,
                                                 std::vector<FreeChunk> chunks);

/// What was live in one pass, and not alike in the other. Units: bytes.
struct Moved {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

/// One arena in one pass: its chunks, and those of them that lists name as free, sorted.
struct Pass {
  const Journal& journal;
  const std::vector<FreeChunk>& listed;
};
[[nodiscard]] Moved moved_between(const Pass& before, const Pass& after);

}  // namespace heapwatch::memory::glibc
