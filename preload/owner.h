// Whose the books are that the library writes: a child of vfork writes in its parent's.
#pragma once

namespace heapwatch::preload {

/// Whether they are the calling process's own.
[[nodiscard]] bool owns_books() noexcept;

}  // namespace heapwatch::preload
