// Which Python code is running: the stack that a block is charged to. Private to the tracer.
#pragma once

#include <cstdint>

#include "check/python/memory/call_stacks.h"
#include "check/python/memory/tracing.h"

namespace heapwatch::check::python::memory {

[[nodiscard]] bool holds_gil();

/// Of the thread that holds the GIL, which is this one.
[[nodiscard]] CallStacks::Id running_stack(Tracing& tracing) noexcept;

/// Of this thread, which does not hold the GIL: its frames stand still, since only it runs them,
/// but nothing may be referred to. Under State::lock.
[[nodiscard]] std::uint32_t running_text_site(Tracing& tracing) noexcept;

}  // namespace heapwatch::check::python::memory
