// The formats older than profile.proto, and the two texts of Go that are no profile to pprof.
#pragma once

#include <string_view>

#include "base/error.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

inline constexpr std::string_view unrecognized_format = "unrecognized profile format";

/// Tries the formats one after the other: binary CPU, heap text, Go's count text, threadz,
/// contention text, Java, goroutine dump. The first that knows the bytes decides.
///
/// Go's `debug=1` texts keep the names, files and lines that stand in their comments, and their
/// MemStats as comments of the profile.
/// Errors: invalid; the message is `unrecognized_format` when none knows the bytes.
[[nodiscard]] base::Result<Profile> parse_legacy(std::string_view bytes);

}  // namespace heapwatch::pprof
