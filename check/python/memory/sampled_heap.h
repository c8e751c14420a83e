// `profiler: sampled`: a heap profile of all that Python hands out in the agent, always on, by the
// hooks that `heapwatch exec` puts into other programs, in books of the module's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "check/python/host.h"

namespace heapwatch::check::python::memory {

/// One sample per so many bytes from now on; does nothing when sampling is on already. What was
/// handed out before is not on the books. With the GIL. Errors: invalid, when CPython's functions
/// are not found.
[[nodiscard]] base::Result<void> begin_sampling(std::size_t interval);

/// Nothing when nothing is sampled. Any thread, without the GIL.
[[nodiscard]] std::optional<SampledMemory> sampled_memory();

/// The books are kept by somebody else who has begun them: copy_heap_books() has something to copy.
/// Names checks in them. With the GIL.
void keep_books();

/// An extension reports memory that it has from elsewhere. Any thread.
void note_tracked_in_books(std::uintptr_t address, std::size_t bytes) noexcept;
void forget_tracked_in_books(std::uintptr_t address) noexcept;

/// Has the collector free garbage, and counts what is left. With the GIL.
void collect_now();

/// See Host::heap_books(). Any thread; without the GIL, for which CPython may allocate.
[[nodiscard]] base::Result<int> copy_heap_books();

}  // namespace heapwatch::check::python::memory
