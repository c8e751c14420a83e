// CPython in the process that this code is part of, whose malloc is not watched: books of its own,
// with the frames of Python.
#pragma once

#include <cstddef>

namespace heapwatch::preload::python {

/// Begins the books of this process, with one sample per so many bytes: whoever takes samples from
/// now on has the frames of Python in them. Once, with the GIL. False when this CPython is not
/// known, or its symbols are not to be found.
[[nodiscard]] bool begin_books(std::size_t interval) noexcept;

/// Whether the calling thread has run code of Python, and may do so still.
[[nodiscard]] bool runs_python() noexcept;

}  // namespace heapwatch::preload::python
