// Frames as they were measured to one for each minute or hour: the last, least and greatest values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "history/frames.h"

namespace heapwatch::history {

/// Threads: one at a time.
class Rollup {
 public:
  /// Units: ms.
  explicit Rollup(std::int64_t span) : span_(span) {}

  /// Frames of one lane or three, in the order of their times. What is returned is the span that
  /// the first frame of another span has ended; its time is the last moment of the span, near which
  /// its last value was.
  [[nodiscard]] std::optional<Frames> add(const Frames& frame);

  /// The span that is not over.
  [[nodiscard]] std::optional<Frames> rest() const;

 private:
  struct Bounds {
    std::int64_t last = 0;
    std::int64_t least = 0;
    std::int64_t greatest = 0;
  };

  void take(const Frames& frames, std::size_t frame);

  std::int64_t span_;
  std::int64_t begin_ = absent;
  std::map<SeriesId, Bounds> values_;
};

}  // namespace heapwatch::history
