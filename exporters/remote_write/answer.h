// What the answer to a request means: the rules of remote write, without any I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "exporters/remote_write/batch.h"
#include "net/http.h"

namespace heapwatch::exporters::remote_write {

enum class Outcome : std::uint8_t {
  taken,
  retry,          // the same again, later
  refused,        // never again: some of the samples may have been written
  other_version,  // the receiver does not speak this one
};

struct Answer {
  Outcome outcome = Outcome::retry;
  /// What the receiver asks for; zero: it does not say.
  std::chrono::milliseconds retry_after{0};
  /// Of version 2.0: as many samples as it says it has written.
  std::optional<std::uint64_t> written_samples = std::nullopt;
  /// For people; empty when it was taken.
  std::string problem = {};
};

/// What a receiver has shown so far of the version that it was sent.
struct Spoken {
  bool is_proven = false;  // it has taken a message of that version
  bool retry_on_429 = true;
};

/// A receiver that asks for more is asked again after this.
inline constexpr std::chrono::hours retry_after_max{1};
/// Of what it says, in `problem`.
inline constexpr std::size_t said_bytes_max = 512;

/// 2xx: taken, but for a 2.0 message whose answer lacks the counts that 2.0 demands, from a
/// receiver that was not seen to know 2.0: such a one has decoded nothing. 5xx, no answer, and 429
/// unless it is not to be: again. 415, and 400 to 2.0 by a receiver that was not seen to know it:
/// the other version. All else: refused.
[[nodiscard]] Answer judge(const net::HttpResult& result, Version version, const Spoken& spoken,
                           base::Instant now);

/// Seconds, or a date; nothing when it is neither, or past.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                                         base::Instant now);

}  // namespace heapwatch::exporters::remote_write
