// Gzip in and out of memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "pprof/flat_array.h"

namespace heapwatch::pprof {

/// True when `bytes` begin as a gzip file does.
[[nodiscard]] bool is_gzip(std::string_view bytes);

/// The content of all members of a gzip file, one after the other.
/// Errors: limit when it is more than `bytes_max`, invalid when the file is damaged or cut short.
[[nodiscard]] base::Result<FlatArray<char>> gunzip(std::string_view bytes, std::size_t bytes_max);

/// One gzip member of the usual compression level.
[[nodiscard]] std::string gzip(std::string_view bytes);

}  // namespace heapwatch::pprof
