// Follows the memory that Python code asks for, from below: through hooks on CPython's allocators.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "check/python/memory/block_table.h"
#include "check/python/memory/call_stacks.h"
#include "check/python/memory/memory_domains.h"

namespace heapwatch::check::python::memory {

/// What tracemalloc measures, without looking at a line table for each block.
///
/// From start() to stop() every block of the domains RAW, MEM and OBJ is on the books with its size
/// as asked for and the Python code that asked, and goes off them when it is freed; a block that
/// grows or shrinks counts as new. Only what is allocated while a run is set counts for that run.
///
/// Unlike tracemalloc's, the hooks stay where they are between tracings, below those of a
/// tracemalloc that starts later. CPython's free lists are out of service in between, so that an
/// object counts for the line that makes it, whoever had its memory before.
///
/// Threads: functions are called with the GIL held. The hooks see the blocks of all threads, also
/// of those that allocate in the domain RAW without the GIL: of these, the most recent frame.
/// Errors: allocations never fail because of the books; blocks for which there was no memory are
/// counted in lost().
class AllocationTracer {
 public:
  static constexpr std::size_t frames_max = 65'535;
  static constexpr std::uint32_t runs_max = (1U << 20U) - 1;
  /// The run of what is allocated between runs.
  static constexpr std::uint32_t between_runs = 0;

  /// A line without a code object: code that ran without the GIL.
  using TextSite = std::pair<std::string, int>;
  /// Calls of one place into our modules.
  struct NativeCalls {
    std::uint64_t allocations = 0;
    std::uint64_t bytes = 0;
  };

  /// The one of the process.
  static AllocationTracer& instance();

  /// Forgets what was traced before. `frames`: how many of each stack are kept, 1 to frames_max.
  /// False when a tracing is going on already.
  [[nodiscard]] bool start(std::size_t frames);
  /// A run begins with empty free lists, as a garbage collection leaves them.
  void set_run(std::uint32_t run);
  /// What is on the books stays, to be read. Whether the hooks were in place all the time.
  bool stop();
  void clear();
  [[nodiscard]] bool is_active() const;

  /// `with_free_lists`: also what no object is in any more, and CPython keeps for the next of its
  /// kind until the next full garbage collection.
  [[nodiscard]] std::vector<Block> held(bool with_free_lists = true) const;
  /// What Block::stack stands for when it is none of stacks(); else nullptr.
  [[nodiscard]] const TextSite* text_site(CallStacks::Id stack) const;
  [[nodiscard]] const CallStacks& stacks() const;
  /// Of Block::domain.
  [[nodiscard]] std::string domain_name(MemoryDomains::Index domain) const;
  [[nodiscard]] unsigned int domain_number(MemoryDomains::Index domain) const;
  [[nodiscard]] std::map<CallStacks::Id, NativeCalls> native_calls() const;
  [[nodiscard]] std::uint64_t lost() const;

  /// Memory that one of our modules makes for its caller; any thread.
  static void note_native(const void* block, std::size_t size) noexcept;
  static void forget_native(const void* block) noexcept;

  /// Memory of a domain of an extension's own: see native_domain.h. A block that one of CPython's
  /// allocators made is on the books already and stays there as that. Any thread.
  static void note_tracked(unsigned int domain, std::uintptr_t address, std::size_t size) noexcept;
  static void forget_tracked(unsigned int domain, std::uintptr_t address) noexcept;

  /// Says whether this thread works for the profiler from now on, and returns whether it did
  /// before. What it allocates then has nothing to do with the check.
  static bool enter_own_work(bool is_own) noexcept;

  /// Says which import this thread runs from now on, and returns the one before; 0: none.
  static std::uint32_t enter_import(std::uint32_t import) noexcept;

 private:
  AllocationTracer() = default;
};

[[nodiscard]] inline AllocationTracer& tracer() {
  return AllocationTracer::instance();
}

}  // namespace heapwatch::check::python::memory
