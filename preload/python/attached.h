// CPython in a process that was attached to: hooks that come and go while it runs.
#pragma once

namespace heapwatch::preload::python {

/// Whether the blocks that CPython has of malloc are put on the books by malloc's own hooks.
enum class Malloc { watched, not_watched };

/// Accounting has begun: looks for CPython and puts hooks on its allocators, under its lock, for
/// which it waits. What became of it is in the books, but that they are in place: then it is true,
/// and tell_hooked() is to follow.
///
/// Threads: one of our own, that holds nothing and that nobody waits for. It may be ended while it
/// waits.
[[nodiscard]] bool hook_attached(Malloc malloc) noexcept;
/// The same when accounting has ended: takes them away. True when the next attach has come
/// meanwhile, which has left it to this thread to put them in place.
[[nodiscard]] bool unhook_attached() noexcept;

/// Whether its hooks are to be in place, as of the last attach or detach.
[[nodiscard]] bool are_hooks_wanted() noexcept;
/// All that belongs to them is in place.
void tell_hooked() noexcept;

/// To be said before hook_attached() and unhook_attached() are called, so that whoever reads the
/// books knows that there is something to wait for.
void announce_hooks() noexcept;

}  // namespace heapwatch::preload::python
