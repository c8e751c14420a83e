// A folder for files that nobody needs any more when heapwatch ends.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace heapwatch::agent::web {

/// Removed at its end, with all that is in it. What a kill leaves is the system's to remove.
class TemporaryFolder {
 public:
  /// Below the folder for such files, for our user alone. Errors: io.
  [[nodiscard]] static base::Result<TemporaryFolder> make();
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // empty: moved from
};

}  // namespace heapwatch::agent::web
