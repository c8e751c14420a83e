#include "memtrack/give_up.h"

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/books.h"
#include "memtrack/fallback.h"
#include "memtrack/sampler.h"
#include "memtrack/shadow.h"
#include "memtrack/small_blocks.h"
#include "memtrack/thread_block.h"

namespace heapwatch::memtrack {

namespace {

/// The kernel gives zeroed pages when they are touched again.
template <typename Region>
void empty(Region* region) {
  madvise(region, sizeof(Region), MADV_DONTNEED);
}

}  // namespace

void give_up_all() noexcept {
  each_region(shadow::regions, shadow::regions_in_use, empty<shadow::Region>);
  each_region(small::regions, small::regions_in_use, empty<small::Region>);
  fallback::clear();
  sampler::clear();
  for (std::atomic<std::uint64_t>* const count :
       {&books.older_frees, &books.older_freed_bytes, &books.interpreter.older_frees,
        &books.interpreter.older_freed_bytes}) {
    count->store(0, std::memory_order_relaxed);
  }
  for (memtrack_component id = 0; id < memtrack_components_max; ++id) {
    const memtrack_counters left = sum_counters(id, id + 1);
    Cell& cell = books.cells_without_block[id];
    cell.frees.fetch_add(left.allocations - left.frees, std::memory_order_release);
    cell.freed_bytes.fetch_add(left.inuse_bytes, std::memory_order_release);
  }
}

}  // namespace heapwatch::memtrack
