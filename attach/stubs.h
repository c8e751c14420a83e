// The machine code that runs in the process beside what is there already.
#pragma once

#include <cstddef>
#include <span>

namespace heapwatch::attach {

/// To be copied to the first page of the room. `borrow`: where the borrowed thread begins, with
/// the Room in rbx and a stack of its own.
[[nodiscard]] std::span<const std::byte> stub_code();
[[nodiscard]] std::size_t borrow_offset();

}  // namespace heapwatch::attach
