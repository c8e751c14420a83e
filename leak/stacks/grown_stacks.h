// The stacks that hold more in one profile of a Go program than in an earlier one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "leak/looks.h"

namespace heapwatch::leak::stacks {

enum class ProfileKind : std::uint8_t { go_heap, goroutines };

struct GrownOptions {
  double seconds = 0;                              // between the two
  std::size_t bytes_max = std::size_t{512} << 20;  // of a profile, decompressed
};

/// So many are told.
inline constexpr std::size_t grown_stacks_max = 20;

/// The largest growth first. Calls that allocate for others are marked, see find_helpers(). Empty
/// where one of the two is empty or cannot be read.
[[nodiscard]] std::vector<SiteGrowth> grown_stacks(const std::string& before,
                                                   const std::string& after, ProfileKind kind,
                                                   const GrownOptions& options);

}  // namespace heapwatch::leak::stacks
