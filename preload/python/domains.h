// Hooks on CPython's allocators: what its three domains hand out is on the books, as Python's.
#pragma once

namespace heapwatch::preload::python {

/// Puts the hooks in place, if they are not, or were taken away: with the GIL, or before there is
/// one.
void hook_domains() noexcept;
/// Counts arenas, once.
void hook_arenas() noexcept;

}  // namespace heapwatch::preload::python
