// Bytes of any format that pprof reads, to a Profile.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

struct ParseLimits {
  std::size_t bytes_max = std::size_t{2} << 30U;  // after decompression
};

/// Reads profile.proto, compressed or not, and the older text and binary formats.
///
/// Ownership: takes the bytes, so that they are gone before the profile is built from their
/// decompressed form; a large profile would otherwise be held twice.
/// Errors: invalid or limit, with pprof's own words where it has some.
[[nodiscard]] base::Result<Profile> parse_profile(std::string bytes, const ParseLimits& limits);

}  // namespace heapwatch::pprof
