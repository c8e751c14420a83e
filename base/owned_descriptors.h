// Which open descriptors are the program's own: the child of a fork closes them.
#pragma once

namespace heapwatch::base {

/// Close-on-exec keeps a descriptor from programs that are started, but not from a child that forks
/// and goes on: it would hold listening ports and connections open. What the program opens for
/// itself is written down here, and so told from what the code of others opens in the same process.
/// From 65536 on descriptors are not written down.
///
/// Threads: any, and without locks. Returns `descriptor`, which may be -1.
int own_descriptor(int descriptor) noexcept;
/// Before it is closed: afterwards its number may be somebody else's.
int disown_descriptor(int descriptor) noexcept;

/// For the child of a fork; takes no lock and allocates nothing.
void close_owned_descriptors() noexcept;

}  // namespace heapwatch::base
