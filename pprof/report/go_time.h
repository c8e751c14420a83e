// Times and durations as Go writes them.
#pragma once

#include <cstdint>
#include <string>

namespace heapwatch::pprof {

/// strftime() of a time in the local zone.
[[nodiscard]] std::string local_time(std::int64_t nanos_since_epoch, const char* format);
/// `2026-01-31 12:00:00.25 +0100 CET`
[[nodiscard]] std::string go_time(std::int64_t nanos_since_epoch);
/// `1h2m3.5s`, `10ms`, `0s`
[[nodiscard]] std::string go_duration(std::int64_t nanos);

}  // namespace heapwatch::pprof
