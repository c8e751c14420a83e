#define MEMTRACK_ALLOW_RAW
#include "memtrack/glibc_heap.h"

#include <pthread.h>

#include <cstddef>
#include <cstdlib>

#include "memtrack/pages.h"
#include "memtrack/shadow.h"

namespace heapwatch::memtrack {

namespace {

// Sizes and places in glibc 2.32 and later, 64 bits. A chunk begins two words before its block.
constexpr std::size_t word = sizeof(std::uintptr_t);
constexpr std::size_t head_bytes = 2 * word;
constexpr std::size_t chunk_least = 4 * word;
constexpr std::uintptr_t previous_in_use = 1;
constexpr std::uintptr_t mmapped = 2;
constexpr std::uintptr_t in_thread_arena = 4;
constexpr std::uintptr_t flags = 7;
constexpr std::uintptr_t heap_bytes = std::uintptr_t{64} << 20;  // of a thread arena, aligned so

/// The two words before a block and its own first two.
struct Around {
  std::uintptr_t previous_size;
  std::uintptr_t size_and_flags;
  std::uintptr_t first;
  std::uintptr_t second;

  [[nodiscard]] std::uintptr_t size() const { return size_and_flags & ~flags; }
  [[nodiscard]] bool is_sane() const { return size() >= chunk_least && size() % head_bytes == 0; }
};

constexpr std::size_t fast_bins = 10;
constexpr std::size_t bins = 127;

/// The beginning of an arena (malloc_state).
struct Arena {
  std::uintptr_t mutex_and_flags;
  std::uintptr_t has_fast;
  std::uintptr_t fast[fast_bins];
  std::uintptr_t top;
  std::uintptr_t last_remainder;
  struct {
    std::uintptr_t first;
    std::uintptr_t last;
  } bin[bins];
  std::uintptr_t map_of_bins[2];
  std::uintptr_t next;  // of the ring of all arenas
  std::uintptr_t next_free;
  std::uintptr_t threads;
  std::uintptr_t heap_size;  // of the main arena's heap, the rest included
  std::uintptr_t heap_size_max;
};
/// A list's head is used as a chunk; so far before its two words that one begins.
constexpr std::size_t unsorted_offset = offsetof(Arena, bin) - head_bytes;

template <typename T>
bool read_at(std::uintptr_t address, T& into) {
  return read_memory(address, &into, sizeof into) == ReadOutcome::ok;
}

std::uintptr_t address_of(const void* block) {
  return reinterpret_cast<std::uintptr_t>(block);
}

/// Where the arena of a chunk in a thread's arena is; 0 when that is none.
std::uintptr_t thread_arena(std::uintptr_t chunk) {
  std::uintptr_t arena = 0;
  return read_at(chunk & ~(heap_bytes - 1), arena) && arena % head_bytes == 0 ? arena : 0;
}

/// What is the same for the whole process.
struct Known {
  bool is_glibc;
  std::uintptr_t cache_key;   // in the second word of every block in a thread's cache; 0: unknown
  std::uintptr_t main_arena;  // 0: unknown
};
constinit Known known{};
pthread_once_t known_once = PTHREAD_ONCE_INIT;

/// What stands around a block in this thread's cache. The first of two blocks may have filled the
/// cache with others of its size; the second then leaves room in it.
Around cached(std::size_t size) {
  void* volatile first = malloc(size);
  void* volatile second = malloc(size);
  const std::uintptr_t address = address_of(second);
  free(second);
  Around around{};
  const bool has_read = address != 0 && read_at(address - head_bytes, around);
  free(first);
  return has_read ? around : Around{};
}

/// The arena of this thread: a list of it is where a block too big for the caches comes first.
std::uintptr_t arena_of_this_thread() {
  constexpr std::size_t uncached = 2000;
  void* volatile block = malloc(uncached);
  void* volatile guard = malloc(uncached);
  const std::uintptr_t chunk = address_of(block) - head_bytes;
  free(block);
  Around around{};
  Arena arena{};
  const bool found = block != nullptr && read_at(chunk, around) &&
                     read_at(around.second - unsorted_offset, arena) && arena.bin[0].first == chunk;
  free(guard);
  return found ? around.second - unsorted_offset : 0;
}

/// The arenas form a ring; the main one is in no heap of its own.
std::uintptr_t find_main_arena() {
  constexpr int arenas_max = 4096;
  std::uintptr_t arena = arena_of_this_thread();
  for (int i = 0; i < arenas_max && arena != 0; ++i) {
    if (thread_arena(arena) != arena) {
      return arena;
    }
    if (!read_at(arena + offsetof(Arena, next), arena)) {
      break;
    }
  }
  return 0;
}

void learn() {
  const Around small = cached(40);
  const Around other = cached(72);
  // What is left of a chunk may be too small for another, and then belongs to this one.
  known.is_glibc =
      (small.size() == 48 || small.size() == 64) && (other.size() == 80 || other.size() == 96);
  if (known.is_glibc) {
    known.cache_key = small.second == other.second ? small.second : 0;
    known.main_arena = find_main_arena();
  }
}

/// What the arena of a chunk says of it.
class Search {
 public:
  Search(std::uintptr_t chunk, const Around& around)
      : chunk_(chunk),
        size_(around.size()),
        of_thread_((around.size_and_flags & in_thread_arena) != 0),
        place_(of_thread_ ? thread_arena(chunk) : known.main_arena) {}

  bool finds_it_free() {
    if (place_ == 0 || !read_at(place_, arena_)) {
      return false;
    }
    if (is_in_rest() || is_in_fast_bin()) {
      return true;
    }
    // The neighbour is in use, so what is left to find out is whether this is a chunk at all.
    Walk walk = walk_from(live_chunk_below());
    if (walk == Walk::lost && is_in_bins()) {
      return true;
    }
    if (walk == Walk::lost) {
      walk = walk_from(boundary_ != 0 ? boundary_ : heap_start());
    }
    return walk == Walk::passed_over;
  }

 private:
  enum class Walk { reached, passed_over, lost };
  static constexpr int steps_max = 1 << 20;

  [[nodiscard]] bool is_in_same_heap(std::uintptr_t other) const {
    return !of_thread_ || other / heap_bytes == chunk_ / heap_bytes;
  }

  /// The rest of a heap, not handed out yet or taken back, begins with the chunk `top`.
  [[nodiscard]] bool is_in_rest() const {
    Around top{};
    if (!is_in_same_heap(arena_.top) || !read_at(arena_.top, top)) {
      return false;
    }
    return chunk_ < arena_.top ? chunk_ + size_ > arena_.top : chunk_ - arena_.top < top.size();
  }

  [[nodiscard]] bool is_in_fast_bin() const {
    const std::size_t bin = size_ / head_bytes - 2;
    std::uintptr_t at = bin < fast_bins ? arena_.fast[bin] : 0;
    for (int step = 0; step < steps_max && at != 0 && at % head_bytes == 0; ++step) {
      if (at == chunk_) {
        return true;
      }
      const std::uintptr_t place = at + head_bytes;
      std::uintptr_t linked = 0;
      if (!read_at(place, linked)) {
        break;
      }
      at = linked ^ place >> 12;
    }
    return false;
  }

  /// Whether one of the free chunks is or covers it; remembers the nearest that ends below.
  bool is_in_bins() {
    int step = 0;
    for (std::size_t bin = 0; bin < bins; ++bin) {
      const std::uintptr_t head = place_ + unsorted_offset + bin * sizeof arena_.bin[0];
      std::uintptr_t at = arena_.bin[bin].first;
      Around around{};
      for (; at != head && step < steps_max && read_at(at, around); at = around.first, ++step) {
        if (chunk_ >= at && chunk_ - at < around.size()) {
          return true;
        }
        if (at < chunk_ && at + around.size() > boundary_ && is_in_same_heap(at)) {
          boundary_ = at + around.size();
        }
      }
    }
    return false;
  }

  /// The first chunk of the heap; 0 when that is unknown.
  [[nodiscard]] std::uintptr_t heap_start() const {
    if (of_thread_) {
      const std::uintptr_t behind = place_ + sizeof(Arena) + head_bytes - 1;
      return is_in_same_heap(place_) ? behind & ~(head_bytes - 1) : 0;
    }
    constexpr std::uintptr_t not_contiguous = std::uintptr_t{2} << 32;
    Around top{};
    return (arena_.mutex_and_flags & not_contiguous) == 0 && read_at(arena_.top, top)
               ? arena_.top + top.size() - arena_.heap_size
               : 0;
  }

  [[nodiscard]] std::uintptr_t live_chunk_below() const {
    constexpr std::size_t distance_max = std::size_t{4} << 20;
    const std::uintptr_t live = shadow::live_block_below(chunk_ + head_bytes, distance_max);
    return live == 0 ? 0 : live - head_bytes;
  }

  /// Over all chunks from one that stands lower (0: there is none).
  [[nodiscard]] Walk walk_from(std::uintptr_t at) const {
    if (at == 0) {
      return Walk::lost;
    }
    for (int step = 0; step < steps_max && at < chunk_; ++step) {
      Around around{};
      if (!read_at(at, around) || !around.is_sane() || (around.size_and_flags & mmapped) != 0) {
        return Walk::lost;
      }
      at += around.size();
    }
    return at == chunk_ ? Walk::reached : at > chunk_ ? Walk::passed_over : Walk::lost;
  }

  std::uintptr_t chunk_;
  std::size_t size_;
  bool of_thread_;
  std::uintptr_t place_;
  Arena arena_{};
  std::uintptr_t boundary_ = 0;  // of chunks, the nearest known below; 0: none
};

}  // namespace

bool is_free_in_glibc(std::uintptr_t block) noexcept {
  pthread_once(&known_once, learn);
  if (!known.is_glibc) {
    return false;
  }
  const std::uintptr_t chunk = block - head_bytes;
  Around around{};
  if (const ReadOutcome outcome = read_memory(chunk, &around, sizeof around);
      outcome != ReadOutcome::ok) {
    return outcome == ReadOutcome::unmapped;
  }
  if (known.cache_key != 0 && around.second == known.cache_key) {
    return true;
  }
  if ((around.size_and_flags & mmapped) != 0) {
    return ((chunk - around.previous_size) | (around.previous_size + around.size())) % page_bytes !=
           0;
  }
  if (!around.is_sane()) {
    return true;
  }
  std::uintptr_t next[2] = {};
  if (const ReadOutcome outcome = read_memory(chunk + around.size(), next, sizeof next);
      outcome != ReadOutcome::ok) {
    return outcome == ReadOutcome::unmapped;
  }
  return (next[1] & previous_in_use) == 0 || Search(chunk, around).finds_it_free();
}

}  // namespace heapwatch::memtrack
