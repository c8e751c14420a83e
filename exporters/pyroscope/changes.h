// From the profiles that a program gives, one after the other, to those that are sent.
//
// In use are absolute values, and what was allocated is a total since the program began. Pyroscope
// adds up what was allocated over time, so what is sent of it is what was allocated since the
// profile that was sent before. Of a program that is new to us that is not known: its first profile
// has no allocations.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "pprof/profile.h"

namespace heapwatch::exporters::pyroscope {

/// Of one program.
///
/// Threads: not safe.
class Changes {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// A profile is sent again after this, though it is as it was: who looks at a quarter of an hour
  /// finds one.
  static constexpr std::chrono::minutes unchanged_max{10};

  /// Whether a heap in this state is to be sent.
  [[nodiscard]] bool is_due(std::uint64_t state, Time now) const;

  /// What is sent of a heap in this state; absent when there is nothing in it. `bytes_max`: that
  /// may be kept of it until the next one; without them its allocations are not told.
  /// Errors: invalid, for what is no heap profile.
  [[nodiscard]] base::Result<std::optional<pprof::Profile>> take(pprof::Profile profile,
                                                                 std::uint64_t state, Time now,
                                                                 std::size_t bytes_max);
  /// What is kept.
  [[nodiscard]] std::size_t bytes() const { return before_.capacity() * sizeof(Allocated); }

 private:
  /// By a stack with its labels, since the program began.
  struct Allocated {
    std::uint64_t stack = 0;
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
  };
  struct Columns {
    std::size_t objects = 0;
    std::size_t bytes = 0;
  };
  void subtract(pprof::Profile& profile, const Columns& columns, std::size_t bytes_max);

  std::vector<Allocated> before_;  // by stack
  bool has_before_ = false;
  std::uint64_t state_ = 0;
  std::optional<Time> taken_;
};

}  // namespace heapwatch::exporters::pyroscope
