// Blocks of a malloc that nobody watches, which whoever is called in its place puts on the books.
//
// A block that is freed by other means than it was made stays on the books until its address is
// handed out again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memtrack/tracker.h"

namespace heapwatch::preload::python::own {

/// For the component that is current.
void record(void* block, std::size_t size, const void* caller) noexcept;
/// Before it is freed. Nothing when it is not on the books.
void forget(void* block) noexcept;

/// A block on its way through realloc: off the books until it is known what became of it.
struct Moving {
  bool is_known = false;
  memtrack::Moving block{};
};
[[nodiscard]] Moving begin_move(void* block) noexcept;
void cancel_move(const Moving& moving) noexcept;
/// What was made of it is on the books already, or is to be put there.
void finish_move(const Moving& moving) noexcept;

/// An extension reports the block as Python's: it is native no longer.
void note_tracked(std::uintptr_t address) noexcept;

}  // namespace heapwatch::preload::python::own
