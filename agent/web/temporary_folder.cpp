#include "agent/web/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace heapwatch::agent::web {

base::Result<TemporaryFolder> TemporaryFolder::make() {
  std::error_code failed;
  const std::filesystem::path above = std::filesystem::temp_directory_path(failed);
  if (failed) {
    return base::fail(base::ErrorKind::io,
                      "there is no folder for temporary files: " + failed.message());
  }
  std::string name = above / "heapwatch.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    return base::fail(base::ErrorKind::io, name + ": " + std::strerror(errno));
  }
  return TemporaryFolder(name);
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) {
    std::error_code failed;
    std::filesystem::remove_all(path_, failed);
  }
}

}  // namespace heapwatch::agent::web
