// One request's worth of samples.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace heapwatch::exporters::push {

/// Of a protocol that has two; the others have the first.
enum class Version : std::uint8_t { v1 = 1, v2 = 2 };

/// A message as it is sent, and what has to be known of it without reading it.
///
/// Samples of one series always go to the same lane, whose batches are sent one after the other.
/// Lanes are counted anew by each start of the agent: only batches with equal `lanes` can be told
/// apart by their lane.
struct Batch {
  Version version = Version::v1;
  std::uint16_t lane = 0;
  std::uint16_t lanes = 1;
  std::uint32_t samples = 0;  // 0: it holds what is about them
  std::int64_t oldest_ms = std::numeric_limits<std::int64_t>::max();
  std::int64_t newest_ms = std::numeric_limits<std::int64_t>::min();
  std::string message;  // compressed, as the protocol has it

  void count_sample(std::int64_t time_ms) {
    ++samples;
    oldest_ms = std::min(oldest_ms, time_ms);
    newest_ms = std::max(newest_ms, time_ms);
  }
  friend bool operator==(const Batch&, const Batch&) = default;
};

/// Of a message, plain and compressed: whatever is longer is none of ours.
inline constexpr std::size_t message_bytes_max = std::size_t{16} * 1024 * 1024;

}  // namespace heapwatch::exporters::push
