// Hooks on CPython's allocators that take samples and keep no exact figures: for a process that is
// watched all the time, and whose malloc is not watched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload::python::sampled {

/// Puts the hooks in place, once, with the GIL.
void hook_domains() noexcept;

/// What an extension has from elsewhere and reports as Python's. Any thread.
void note_tracked(std::uintptr_t address, std::size_t size) noexcept;
void forget_tracked(std::uintptr_t address) noexcept;

}  // namespace heapwatch::preload::python::sampled
