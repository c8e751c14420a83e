// The code that stacks lead to, kept in the books: it may be unloaded before anybody looks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {

/// Notes the code around each return address that is not noted yet.
///
/// Threads: takes a lock of its own that nobody holds while calling out.
void learn_mappings(const std::uintptr_t* addresses, std::size_t count) noexcept;

void mappings_before_fork() noexcept;
void mappings_after_fork() noexcept;

}  // namespace heapwatch::memtrack
