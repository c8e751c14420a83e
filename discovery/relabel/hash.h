// The hash that `hashmod` divides. Private to this folder.
#pragma once

#include <cstdint>
#include <string_view>

namespace heapwatch::discovery::relabel {

/// The last eight bytes of the MD5 of `text`, the first of them the highest.
[[nodiscard]] std::uint64_t hash_of(std::string_view text);

/// Whether this system has MD5; one that follows FIPS 140 does not.
[[nodiscard]] bool has_hash();

}  // namespace heapwatch::discovery::relabel
