// Whole files in and out of memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace heapwatch::base {

/// The bytes of a file. Errors: not_found, io (with the system's words), limit when it holds more
/// than `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t bytes_max);

}  // namespace heapwatch::base
