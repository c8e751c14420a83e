// Which pauses of Go's garbage collector are new since the last page.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/number.h"

namespace heapwatch::check::go_expvar {

/// Slots of memstats.PauseNs: the pause of the n-th collection stands in slot (n + 255) % 256.
inline constexpr std::size_t pause_slots = 256;

using PauseRing = std::array<base::Number, pause_slots>;

/// Reads the text of memstats.PauseNs. False for anything but an array of `pause_slots` numbers.
[[nodiscard]] bool read_pauses(std::string_view array, PauseRing& ring);

/// What a page says of the collections so far.
struct GcTotals {
  std::uint64_t collections = 0;            // memstats.NumGC
  std::optional<base::Number> pause_total;  // memstats.PauseTotalNs
  std::optional<base::Number> total_alloc;  // memstats.TotalAlloc
};

/// Remembers where the last page ended.
class GcPauses {
 public:
  /// The slots of the newest collections the ring still holds, oldest first: those since the last
  /// page, or all of the process when it is another process than last time (the first one, or one
  /// of whose totals any fell).
  [[nodiscard]] std::span<const std::uint32_t> advance(const GcTotals& now);

 private:
  std::optional<GcTotals> last_;
};

}  // namespace heapwatch::check::go_expvar
