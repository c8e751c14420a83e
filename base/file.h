// Whole files in and out of memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::base {

/// The bytes of a file. Errors: not_found, io (with the system's words), limit when it holds more
/// than `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t bytes_max);

/// Writes a file as a whole: into a new one beside it, which then takes its place. Where that fails
/// what was there before stays, and nothing of the attempt. What is no regular file (a pipe, a
/// device) is written to as it is; of a link the file that it leads to is replaced. Errors: io,
/// with the path and the system's words.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace heapwatch::base
