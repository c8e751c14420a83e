// How many goroutines there are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "memory/golang/slices.h"

namespace heapwatch::memory::golang {

/// Of the slices of a module's data, the longest first. With the runtime's own goroutines. Nothing
/// when their list is not found.
[[nodiscard]] std::optional<std::uint64_t> count_goroutines(process::Words& words,
                                                            const std::vector<Slice>& slices);

}  // namespace heapwatch::memory::golang
