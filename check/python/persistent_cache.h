// What checks keep from run to run, a file for each key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::check::python {

inline constexpr std::size_t cached_bytes_max = std::size_t{64} * 1024 * 1024;

/// The file of a key: what stands before its first colon is a folder. Only letters, digits, `_` and
/// `-` of the key count. Errors: invalid when none is left.
[[nodiscard]] base::Result<std::filesystem::path> cache_file(const std::filesystem::path& run_path,
                                                             std::string_view key);

/// Folders are made for their owner alone (0700), files likewise (0600); the file is replaced as a
/// whole. Errors: io.
[[nodiscard]] base::Result<void> write_persistent_cache(const std::filesystem::path& run_path,
                                                        std::string_view key,
                                                        std::string_view value);

/// Empty when there is no such file. Errors: io, limit.
[[nodiscard]] base::Result<std::string> read_persistent_cache(const std::filesystem::path& run_path,
                                                              std::string_view key);

}  // namespace heapwatch::check::python
