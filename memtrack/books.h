// The books: all that a reader of the accounting wants, in one object and one pool, so that both
// can be put into a file that another process maps.
//
// Format. The file begins with Books; the pool follows. Pointers are those of the process that
// writes, into its pool; a reader turns them into offsets. A reader takes books of its own
// `version` and size alone. Counts that only grow (records, mappings, functions, names of threads)
// are stored with release after what they count, and nothing that was counted moves or changes, but
// for the figures of a record.
//   Record     samples of one size, from one stack, of one space, component, thread and work
//   Live       a block that a record counts as in use, with its birth; without a record: none
//   Peak       when the blocks of the heap had most bytes, and how a record tells what it had then
//   Stack      return addresses, innermost first; then frames of an interpreter, innermost first:
//              function, line, and whether its loop began with this frame (see Frame)
//   Function   code that an interpreter runs: the file, the name and the first line, as text
//   interpreter  which one, the addresses of its loop, the components that its domains count for,
//              and the arenas that its small blocks lie in
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/memtrack.h"
#include "memtrack/pages.h"
#include "memtrack/thread_block.h"

namespace heapwatch::memtrack {

/// A frame of an interpreter in a word.
struct Frame {
  static constexpr unsigned line_bits = 31;
  std::uint64_t word;

  static constexpr Frame of(std::uint32_t function, std::uint32_t line, bool is_entry) {
    constexpr std::uint32_t line_max = (std::uint32_t{1} << line_bits) - 1;
    return {std::uint64_t{function} << 32 | std::uint64_t{is_entry} << line_bits |
            (line & line_max)};
  }
  [[nodiscard]] constexpr std::uint32_t function() const {
    return static_cast<std::uint32_t>(word >> 32);
  }
  [[nodiscard]] constexpr std::uint32_t line() const {
    return static_cast<std::uint32_t>(word) & ((std::uint32_t{1} << line_bits) - 1);
  }
  /// A call of the interpreter's loop began with this frame; those it runs for others follow.
  [[nodiscard]] constexpr bool is_entry() const { return (word >> line_bits & 1U) != 0; }
};

/// Of a sample; what is deeper loses its outermost frames.
constexpr std::size_t mixed_depth_max = 256;
constexpr std::size_t frames_max = 256;

/// A stack of the heap profile; immutable, and there for ever.
struct Stack {
  Stack* next;
  std::uint64_t hash;
  std::uint32_t depth;
  std::uint32_t frames;
  std::uint64_t words[1];  // depth return addresses, then so many frames of an interpreter
};

/// Code that an interpreter runs.
struct Function {
  Function* next;
  std::uint64_t hash;
  std::uint32_t id;
  std::uint32_t first_line;
  std::uint32_t file_bytes;
  std::uint32_t name_bytes;
  char text[1];  // the file, then the name

  static constexpr std::size_t text_max = 512;  // of each; longer ones lose their beginning
};

constexpr std::size_t functions_per_chunk = 1024;
struct FunctionChunk {
  const Function* functions[functions_per_chunk];
};

/// What became of the hooks on the allocators of an interpreter that were to be put in place, or
/// taken away, while the program runs.
enum class Hooks : std::uint32_t {
  none,           // none were to be
  looking,        // for the interpreter
  absent,         // there is no interpreter
  unknown,        // it is of a version that is not known
  free_threaded,  // it has no lock for all threads
  idle,           // it does not run: it was not started, or has ended
  waiting,        // for its lock
  on,
  removing,  // waiting for its lock, to take them away
  removed,
  left,  // some could not be taken away: they pass everything on
};

/// An interpreter in the process.
struct Interpreter {
  static constexpr std::size_t chunks_max = 64;

  char name[32];  // "CPython 3.11.2"; empty: none is watched
  memtrack_component first_component;
  std::atomic<std::uint32_t> component_count;
  std::uintptr_t loop_start;  // the function that runs code
  std::uintptr_t loop_limit;
  std::atomic<std::uint64_t> arenas;
  std::atomic<std::uint64_t> arena_bytes;
  std::atomic<std::uint32_t> function_count;
  FunctionChunk* chunks[chunks_max];
  std::atomic<Hooks> hooks;
  // Small blocks from before the hooks, that were freed since.
  std::atomic<std::uint64_t> older_frees;
  std::atomic<std::uint64_t> older_freed_bytes;
};

/// The samples of one size from one place.
struct Record {
  Record* next;
  const Stack* stack;  // null: could not be kept
  std::uint64_t size;
  std::uint64_t interval;
  memtrack_component component;
  std::uint32_t space;   // a memtrack_space
  std::uint32_t thread;  // an index into thread_names
  std::uint32_t work;    // what its threads worked for: the number of a name, as of components
  std::uint64_t allocated;
  std::uint64_t inuse;
  std::uint64_t temporary;      // of those that were freed: within moment_ticks
  std::uint64_t stands_for;     // bytes, with its weight, that a sample of it stands for
  std::uint64_t inuse_at_peak;  // at the peak of that number
  std::uint32_t peak;
};

/// Time in the books: since they were begun, in steps of 10 ms, which is as fine as the kernel's
/// coarse clock may be.
constexpr std::uint32_t ticks_per_second = 100;
/// A block that is freed so soon was a temporary one.
constexpr std::uint32_t moment_ticks = 1;

/// A block that a record counts as in use.
struct Live {
  Live* next;
  const void* block;    // null: not one of malloc's
  Record* record;       // null: not in use
  std::uint32_t birth;  // in ticks
};

constexpr std::size_t lives_per_chunk = 4096;
struct LiveChunk {
  Live lives[lives_per_chunk];
};

/// The most bytes that blocks (of the spaces native and python) had at once, by the samples. While
/// `is_now` is set, what a record has now is what it had at the peak. Else it is that only for a
/// record of another `peak` number, which was not changed since; another keeps it in
/// `inuse_at_peak`.
struct Peak {
  std::uint64_t bytes;
  std::uint64_t bytes_now;
  std::uint32_t number;
  std::uint32_t is_now;
  std::uint32_t tick;
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

/// A program that a process of this one became or began, and that cannot be watched.
struct UnwatchedProgram {
  std::uint32_t kind;                // why, as whoever writes it says
  std::atomic<std::uint32_t> count;  // 0: not written yet
  char path[248];                    // longer ones are cut
};

enum class Mode : unsigned {
  starting,        // on, before the first block
  tracking,        // on
  observed,        // on, and a callback is set
  paused,          // off; earlier blocks are still on the books, new ones are noted as older
  dormant,         // off; blocks have been allocated since
  dormant_unused,  // off, and no block was allocated or freed since
};

using ComponentName = char[memtrack_component_name_max + 1];
using ThreadName = char[16];  // as the kernel knows it

/// Pointers in it are those of the process it belongs to, into its pool.
struct alignas(page_bytes) Books {
  static constexpr std::uint64_t magic_value = 0x6865617077617463U;
  static constexpr std::uint32_t current_version = 5;
  static constexpr std::size_t chunks_max = 256;
  static constexpr std::size_t live_chunks_max = 2048;
  static constexpr std::size_t mappings_max = 512;
  static constexpr std::size_t threads_max = 256;  // the last one stands for all that came too late

  std::uint64_t magic;  // set when the books are handed to a reader
  std::uint64_t bytes;  // sizeof(Books) of who keeps them: a reader of another make refuses
  std::uint32_t version;
  char* pool;
  std::atomic<std::uint64_t> pool_used;
  // A reader may change it, too: to `starting`, and to `dormant_unused`.
  std::atomic<Mode> mode;

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

  static constexpr std::size_t unwatched_max = 32;
  std::atomic<std::uint32_t> unwatched_count;  // may be greater than there is room for
  UnwatchedProgram unwatched[unwatched_max];
  UnwatchedProgram became;  // the process itself

  std::atomic<std::int64_t> waiting_threads;  // have ended and were not joined

  std::atomic<std::uint64_t> untracked[memtrack_components_max];
  std::atomic<std::uint64_t> double_frees;
  std::atomic<std::uint64_t> older_frees;        // since accounting was last begun
  std::atomic<std::uint64_t> older_freed_bytes;  // as far as their sizes can be told
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
  std::uint64_t started_ns;  // by CLOCK_MONOTONIC_COARSE, when the first block was counted as live
  std::atomic<std::uint64_t> live_count;  // with those that are not in use
  LiveChunk* live_chunks[live_chunks_max];
  Peak peak;
  std::atomic<std::uint64_t> mapping_count;
  Mapping mappings[mappings_max];

  std::atomic<std::uint64_t> thread_count;
  ThreadName thread_names[threads_max];
  Interpreter interpreter;
};

[[gnu::visibility("hidden")]] extern Books books;

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
/// The same while others count and take from the pool: what they do meanwhile may be there in part.
///
/// Threads: any.
bool copy_books_in_use(int file, BooksCopy& copy) noexcept;
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

/// Does something between forks: one that is under way is waited for, another waits.
void do_between_forks(void (*act)()) noexcept;

}  // namespace heapwatch::memtrack
