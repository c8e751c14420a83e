// What the books say of an interpreter in the process: the components of its allocators, and the
// code it runs, by name. Whoever knows the interpreter tells them; nothing here does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "memtrack/books.h"

namespace heapwatch::memtrack::interpreter {

/// Makes components of the interpreter, with consecutive ids; the first of them, or 0 when there is
/// no room. Once, and while no other thread registers components.
memtrack_component claim_components(const char* const* names, std::uint32_t count) noexcept;

/// Whether what is put down to the component is memory of the interpreter.
[[gnu::always_inline]] inline bool owns(memtrack_component component) {
  const std::uint32_t count = books.interpreter.component_count.load(std::memory_order_relaxed);
  return component - books.interpreter.first_component < count;
}

/// The number of the function in the books, which puts it there at first sight; 0 when there is no
/// room. Texts are cut to the last Function::text_max bytes.
///
/// Threads: takes a lock of its own that nobody holds while calling out.
[[nodiscard]] std::uint32_t function_id(std::string_view file, std::string_view name,
                                        std::uint32_t first_line) noexcept;

/// Writes the interpreter's frames of the calling thread, innermost first; returns how many. May
/// call function_id(), and allocates nothing.
using FrameSource = std::size_t (*)(Frame* frames, std::size_t most);
/// Asked at each sample from now on.
void set_frame_source(FrameSource source) noexcept;
[[nodiscard]] FrameSource frame_source() noexcept;

void before_fork() noexcept;
void after_fork() noexcept;

}  // namespace heapwatch::memtrack::interpreter
