// The Python frames of the calling thread, at a sample.
#pragma once

#include <cstddef>

#include "memtrack/books.h"

namespace heapwatch::preload::python {

/// A memtrack::interpreter::FrameSource. Nothing when the thread runs no Python.
std::size_t find_frames(memtrack::Frame* frames, std::size_t most) noexcept;

}  // namespace heapwatch::preload::python
