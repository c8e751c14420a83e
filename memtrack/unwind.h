// The stack of the caller, quickly and wherever an allocation may happen.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {

/// Stores the return addresses from `caller` outwards, innermost first; returns how many. `caller`
/// is the return address of the function of ours that was called from outside; the frames up to it
/// are left out.
///
/// Takes no lock and allocates nothing: code with call frame information (x86-64) is unwound by it,
/// with the rule of every address remembered; other code by its frame pointers, which is how Go is
/// crossed. Memory that is not known to be stack is read through the kernel, so that garbage in a
/// register ends the walk and not the process. Of code loaded where other code was unloaded, a rule
/// of the older may be used: the stack may be wrong then, and nothing unsafe is read.
std::size_t unwind(const void* caller, std::uintptr_t* stack, std::size_t depth_max) noexcept;

}  // namespace heapwatch::memtrack
