// Moments as people write them on a command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::agent::commands {

/// "2h" or "3d" (ago), "now", "2026-11-30 14:05" or "2026-11-30T14:05:30" (local time; with a Z
/// behind it UTC), or ms since 1970 in 12 digits or more. Units: ms since 1970. Errors: invalid.
[[nodiscard]] base::Result<std::int64_t> parse_moment(const std::string& text, std::int64_t now);

/// "2026-11-30 14:05:30", in local time.
[[nodiscard]] std::string moment_text(std::int64_t time);

}  // namespace heapwatch::agent::commands
