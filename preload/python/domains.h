// Hooks on CPython's allocators: what its three domains hand out is on the books, as Python's.
#pragma once

#include "preload/python/api.h"

namespace heapwatch::preload::python {

/// What blocks count for: by domain, then what extensions have of malloc and report as Python's.
inline constexpr const char* component_names[] = {"python.raw", "python.mem", "python.object",
                                                  "python.tracked"};
inline constexpr unsigned tracked = domains;

/// Puts the hooks in place, if they are not, or were taken away: with the GIL, or before there is
/// one.
void hook_domains() noexcept;
/// The same at a moment when nobody but CPython itself can have replaced its allocators.
void hook_domains_at_start() noexcept;

/// The same at any moment of a program that runs, with the GIL and accounting on: also when the
/// hooks were there before and are not now. `malloc_has_hooks`: else the hooks themselves note
/// what comes from malloc. Frees of blocks from before are counted as older ones.
void hook_domains_late(bool malloc_has_hooks) noexcept;
/// With the GIL: what was there before is there again. False when somebody has put something on top
/// of a hook: that one stays, and passes everything on.
bool unhook_domains() noexcept;

}  // namespace heapwatch::preload::python
