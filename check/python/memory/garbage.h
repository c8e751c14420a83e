// Garbage that only the collector would free, counted without collecting it.
#pragma once

#include <cstdint>
#include <optional>

namespace heapwatch::check::python::memory {

struct GarbageCount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;  // as sys.getsizeof has it
};

/// With the GIL, which is held all the time: no code of Python runs. Nothing when there are too
/// many objects, or no memory.
[[nodiscard]] std::optional<GarbageCount> count_garbage() noexcept;

}  // namespace heapwatch::check::python::memory
