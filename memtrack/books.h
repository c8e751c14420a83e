// The books: all that a reader of the accounting wants, in one object and one pool, so that both
// can be put into a file that another process maps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/memtrack.h"
#include "memtrack/pages.h"
#include "memtrack/thread_block.h"

namespace heapwatch::memtrack {

/// A stack of the heap profile; immutable, and there for ever.
struct Stack {
  Stack* next;
  std::uint64_t hash;
  std::uint32_t depth;
  std::uintptr_t addresses[1];  // depth of them
};

/// The samples of one size from one place.
struct Record {
  Record* next;
  const Stack* stack;  // null: could not be kept
  std::uint64_t size;
  std::uint64_t interval;
  memtrack_component component;
  std::uint32_t space;  // a memtrack_space
  std::uint64_t allocated;
  std::uint64_t inuse;
};

constexpr std::size_t records_per_chunk = 4096;
struct Chunk {
  Record records[records_per_chunk];
};

/// Code that stacks of the profile led to; stays when the code is unloaded.
struct Mapping {
  std::uintptr_t start;
  std::uintptr_t limit;
  std::uint64_t offset;
  std::uint32_t build_id_size;
  std::uint8_t build_id[20];
  char path[512];  // longer ones are cut
};

using ComponentName = char[memtrack_component_name_max + 1];

/// Pointers in it are those of the process it belongs to, into its pool.
struct alignas(page_bytes) Books {
  static constexpr std::uint64_t magic_value = 0x6865617077617463U;
  static constexpr std::size_t chunks_max = 256;
  static constexpr std::size_t mappings_max = 512;

  std::uint64_t magic;  // set when the books are handed to a reader
  std::uint64_t bytes;  // sizeof(Books) of who keeps them: a reader of another make refuses
  char* pool;
  std::atomic<std::uint64_t> pool_used;

  std::atomic<bool> disabled;
  std::atomic<ThreadBlock*> blocks;
  Cell cells_without_block[memtrack_components_max];

  std::atomic<memtrack_component> names_count;  // besides the nameless one
  ComponentName component_names[memtrack_components_max];

  // Of the spaces whose blocks are each kept: mappings and stacks.
  Cell spaces[memtrack_spaces];
  // What the process has beside glibc's allocator.
  static constexpr std::uint32_t own_malloc = 1;  // of the program itself, which is not seen
  static constexpr std::uint32_t unseen_operator_new = 2;  // of the library
  std::uint32_t unseen;
  char allocator[256];  // the path of the library whose allocator it has; empty: glibc's

  std::atomic<std::int64_t> waiting_threads;  // have ended and were not joined

  std::atomic<std::uint64_t> untracked[memtrack_components_max];
  std::atomic<std::uint64_t> double_frees;
  std::atomic<std::uint64_t> older_frees;
  std::atomic<std::uint64_t> freed_elsewhere;
  std::atomic<std::uint64_t> unrecorded;
  std::atomic<std::uint64_t> site_count;
  memtrack_untracked_site sites[memtrack_untracked_sites_max];

  std::atomic<std::uint64_t>
      interval_and_one;  // 0: the default, so that all of this starts as zeros
  std::atomic<std::uint64_t> samples;
  std::atomic<std::uint64_t> lost_samples;
  std::atomic<std::uint64_t> record_count;
  Chunk* chunks[chunks_max];
  std::atomic<std::uint64_t> mapping_count;
  Mapping mappings[mappings_max];
};

extern Books books;

/// Zeroed memory of the pool, which is never given back; null when it is used up or the kernel
/// refuses it. Rounded up to 64 bytes.
///
/// Threads: any.
[[nodiscard]] void* take_pool(std::size_t bytes) noexcept;

constexpr std::size_t pool_bytes_max = std::size_t{256} << 20;

/// Where the books stand in the file that is handed to a reader: the object, then the pool.
constexpr std::size_t books_file_bytes = sizeof(Books) + pool_bytes_max;

/// A copy of the books, in a file or in private pages.
struct BooksCopy {
  int file = -1;  // the caller's
  char* pages = nullptr;
  std::size_t bytes = 0;
};

/// Copies the books into an empty file of the caller's or (with -1) into pages. False when the
/// kernel refuses. Nobody may take from the pool meanwhile, and what others count meanwhile may be
/// missing.
bool copy_books(int file, BooksCopy& copy) noexcept;
void drop_copy(BooksCopy& copy) noexcept;
/// Goes on in the copy, which is to be dropped then as any. False when the kernel refuses; only a
/// copy in a file leaves the books usable then.
///
/// Threads: nobody may count meanwhile.
bool move_to_copy(const BooksCopy& copy) noexcept;

void books_before_fork() noexcept;
void books_after_fork(bool child) noexcept;

/// Called around a fork while nobody can take from the pool; `after` before anything is counted in
/// the child.
struct ForkHooks {
  void (*before)();
  void (*after)(bool child);
};
void set_fork_hooks(ForkHooks hooks) noexcept;

}  // namespace heapwatch::memtrack
