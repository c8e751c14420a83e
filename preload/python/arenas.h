// The arenas that CPython's small blocks lie in, counted in the books.
#pragma once

namespace heapwatch::preload::python {

/// Once. The first arena that CPython asks for is also the moment to put hooks on what it set up,
/// unless that was done long ago (`is_late`).
void hook_arenas(bool is_late) noexcept;
/// With the GIL: what was there before is there again, unless somebody has replaced it since; the
/// hook can be put there again then.
void unhook_arenas() noexcept;

}  // namespace heapwatch::preload::python
