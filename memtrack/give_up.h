// Begins the books anew: after a time in which nothing was noted nobody knows which of the blocks
// on them are left.
#pragma once

namespace heapwatch::memtrack {

/// All blocks leave the books, as frees. Mappings and stacks of threads, which are followed all the
/// time, stay.
///
/// Threads: no other thread may be about to note a block. Blocks that one notes all the same may
/// leave, too.
void give_up_all() noexcept;

}  // namespace heapwatch::memtrack
