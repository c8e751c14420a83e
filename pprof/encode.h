// The encoder of profile.proto.
#pragma once

#include <string>

#include "pprof/profile.h"

namespace heapwatch::pprof {

/// The uncompressed profile.proto, byte for byte as pprof writes it.
[[nodiscard]] std::string encode_proto(const Profile& profile);

}  // namespace heapwatch::pprof
