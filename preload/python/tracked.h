// Blocks that extensions have of malloc and report as Python's, as numpy does with its data.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload::python {

inline constexpr const char* track_name = "PyTraceMalloc_Track";

using Track = int (*)(unsigned domain, std::uintptr_t address, std::size_t size);

/// What track() goes on to: CPython's own. Before anybody is redirected.
void lead_track_to(Track definition) noexcept;

/// What is called in its place: a native block on the books is Python's from then on. While nothing
/// is noted, it passes on.
int track(unsigned domain, std::uintptr_t address, std::size_t size) noexcept;

}  // namespace heapwatch::preload::python
