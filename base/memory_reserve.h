// Memory set aside for the moment when there is none left.
#pragma once

#include <new>

namespace heapwatch::base {

/// Sets some memory aside. When an allocation with `new` fails, it is given back and the allocation
/// tried once more: a request that is small then succeeds, so that who failed for lack of memory
/// can still say so, and timers and queues go on. A request that is large fails with
/// std::bad_alloc.
///
/// Call once, at the start. Threads: any.
void keep_memory_reserve();

/// Sets it aside again where it was used: whoever caught std::bad_alloc and let go of what it held
/// calls this. Threads: any.
void refill_memory_reserve() noexcept;

/// Does the work, as far as there is memory for it: false when there was not, and what was set
/// aside is set aside again.
template <typename Work>
bool within_memory(const Work& work) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    refill_memory_reserve();
    return false;
  }
  return true;
}

}  // namespace heapwatch::base
