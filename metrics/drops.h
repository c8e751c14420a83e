// Why samples of a run are dropped, and what is said of those that were too large.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/context.h"
#include "metrics/limits.h"
#include "metrics/sample.h"

namespace heapwatch::metrics {

enum class Drop : std::uint8_t {
  contexts,
  instance_bytes,
  long_name,
  long_tag,
  negative_rate,
  not_finite,
  process_bytes,
  same_time,
  type_conflict,
};
inline constexpr std::size_t drop_count = 9;
/// How many samples of a run were dropped, by reason.
using DropCounts = std::array<std::uint64_t, drop_count>;

[[nodiscard]] std::uint64_t count_of(const DropCounts& counts, Drop reason);
/// "contexts", "long_name", ...: those that are not 0.
void put_counts(const DropCounts& counts, std::map<std::string, std::uint64_t>& dropped);

/// What is too long for a limit.
struct TooLong {
  Drop reason;
  std::string_view text;
};
[[nodiscard]] std::optional<TooLong> too_long(const Context& context, const Limits& limits);
[[nodiscard]] std::optional<TooLong> too_long(const ServiceCheck& check, const Limits& limits);
[[nodiscard]] std::optional<TooLong> too_long(const Event& event, const Limits& limits);

/// With its texts as long as Datadog takes them.
[[nodiscard]] ServiceCheck with_limited_texts(const ServiceCheck& check);
[[nodiscard]] Event with_limited_texts(const Event& event);
/// What it holds.
[[nodiscard]] std::size_t bytes_of(const ServiceCheck& check);
[[nodiscard]] std::size_t bytes_of(const Event& event);

/// The first name or tag that was too long: the same from run to run while there are any, so that
/// the log tells of it once.
class Culprits {
 public:
  void note(const TooLong& culprit);
  /// Ends a run, and adds a sentence for each limit it came upon.
  void end_run(const DropCounts& counts, const Limits& limits, std::vector<std::string>& warnings);

 private:
  std::string name_;
  std::string tag_;
};

}  // namespace heapwatch::metrics
