// CPython in a process that was attached to: hooks that come and go while it runs.
#pragma once

namespace heapwatch::preload::python {

/// Whether the blocks that CPython has of malloc are put on the books by malloc's own hooks.
enum class Malloc { watched, not_watched };

/// Accounting has begun: looks for CPython and puts hooks on its allocators, under its lock, for
/// which it waits. What became of it is in the books.
///
/// Threads: one of our own, that holds nothing and that nobody waits for. It may be ended while it
/// waits.
void hook_attached(Malloc malloc) noexcept;
/// The same when accounting has ended: takes them away.
void unhook_attached() noexcept;

/// Whether its hooks are in place.
[[nodiscard]] bool is_hooked() noexcept;

/// To be said before hook_attached() and unhook_attached() are called, so that whoever reads the
/// books knows that there is something to wait for.
void announce_hooks() noexcept;

}  // namespace heapwatch::preload::python
