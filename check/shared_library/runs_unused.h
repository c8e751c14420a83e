// How long both sides of the ABI remember a series that no run submits.
#pragma once

#include <cstdint>

namespace heapwatch::check::shared_library {

inline constexpr std::uint64_t runs_unused_max = 16;

}  // namespace heapwatch::check::shared_library
