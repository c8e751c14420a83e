// The hooks on CPython's allocators, which keep the books of a tracing. Private to the tracer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "check/python/memory/block_table.h"
#include "check/python/memory/tracing.h"

namespace heapwatch::check::python::memory {

/// Which domains reach our hooks now. Someone who puts back what was there before ours takes ours
/// away without a word.
[[nodiscard]] std::array<bool, 3> hooks_in_place(State& self);
/// Puts a hook before the allocator of each domain that does not reach ours.
void install_missing(State& self);

/// The object in a block that was not on the books died.
void note_death(const void* block, int kind) noexcept;
/// By now it is known what the last block was asked for.
void settle_newborn(Tracing& tracing) noexcept;

/// What comes and goes without the GIL: of the domain RAW and of those that are not CPython's.
void note_raw(State& self, std::uintptr_t address, std::size_t size,
              std::optional<unsigned int> domain) noexcept;
bool take_raw(State& self, const void* block, Block& taken) noexcept;

}  // namespace heapwatch::check::python::memory
