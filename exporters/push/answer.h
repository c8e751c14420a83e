// What the answer to a request means for what was sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http.h"

namespace heapwatch::exporters::push {

enum class Outcome : std::uint8_t {
  taken,
  retry,          // the same again, later
  refused,        // never again: a part of it may have been taken
  other_version,  // the receiver does not speak this one
};

struct Answer {
  Outcome outcome = Outcome::retry;
  /// What the receiver asks for; zero: it does not say.
  std::chrono::milliseconds retry_after{0};
  /// As many samples as the receiver says it has written; nothing: all that it has taken.
  std::optional<std::uint64_t> written_samples = std::nullopt;
  /// So many of those that were taken it did not want after all.
  std::uint64_t rejected_samples = 0;
  /// For people; empty when all was taken.
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

/// Seconds, or a date; nothing when it is neither, or past.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view text,
                                                                         base::Instant now);

/// Of the header of this name, in small letters; zero where there is none.
[[nodiscard]] std::chrono::milliseconds retry_after(const net::Headers& headers, base::Instant now);

/// The value of a header, whose name is in small letters; empty where there is none.
[[nodiscard]] std::string_view header(const net::Headers& headers, std::string_view name);

/// The status, and what the receiver says about it.
[[nodiscard]] std::string problem_of(const net::HttpResponse& response);

}  // namespace heapwatch::exporters::push
