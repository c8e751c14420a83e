// What heap profiles of one Go program tell of it when they are compared.
#pragma once

#include <cstdint>
#include <optional>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// The state in which a heap profile shows a Go program.
///
/// Go publishes what was allocated and freed when a garbage collection ends. Until the next one its
/// heap profile stays as it is, the totals of all that was ever allocated included: two equal
/// profiles are two looks at one state, not a heap that does not grow.
struct GoHeapState {
  std::uint64_t fingerprint = 0;            // of stacks and values, in any order
  std::int64_t allocated = 0;               // since the program began, in bytes
  std::optional<std::int64_t> collections;  // of garbage; where the profile's comments tell
};

/// None for what is no heap profile of a Go program.
[[nodiscard]] std::optional<GoHeapState> go_heap_state(const Profile& profile);

/// No collection ended between them, or nothing was allocated.
[[nodiscard]] bool is_same_state(const GoHeapState& a, const GoHeapState& b);

/// A program that has allocated less than this share of what it had before has begun anew. Values
/// are scaled by the mean size of a stack's objects, which moves them a little.
inline constexpr double allocated_share_min = 0.99;

/// The program of `later` is not the one of `earlier`: what a program has allocated never gets
/// less.
[[nodiscard]] bool is_started_anew(const GoHeapState& earlier, const GoHeapState& later);

}  // namespace heapwatch::pprof
