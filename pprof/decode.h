// The decoder of profile.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "pprof/profile.h"

namespace heapwatch::pprof {

struct DecodeError {
  /// What the failure says of the bytes.
  enum class Kind : std::uint8_t {
    not_a_profile,      // they are no profile.proto, and may be of another format
    broken_profile,     // they can only be a profile.proto, and a wrong one
    malformed_profile,  // they decode, and the profile is inconsistent
    limit,              // they hold more of something than there may be
  };
  Kind kind;
  std::string message;
};

/// Decodes an uncompressed profile.proto.
///
/// Ownership: the pages of `bytes` are given back to the system on the way, so their content is
/// lost, with an error too, when `consume` is set.
[[nodiscard]] tl::expected<Profile, DecodeError> decode_proto(std::string_view bytes, bool consume);

}  // namespace heapwatch::pprof
