#include "base/file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace heapwatch::base {

namespace {

tl::unexpected<Error> system_failure(const std::filesystem::path& path, int number) {
  return fail(number == ENOENT ? ErrorKind::not_found : ErrorKind::io,
              path.string() + ": " + std::strerror(number));
}

tl::unexpected<Error> too_large(const std::filesystem::path& path, std::size_t bytes_max) {
  return fail(ErrorKind::limit,
              path.string() + ": larger than the limit of " + std::to_string(bytes_max) + " bytes");
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  const auto close = [](std::FILE* file) { (void)std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (!file) {
    return system_failure(path, errno);
  }
  constexpr std::size_t chunk_bytes = std::size_t{64} * 1024;
  std::string bytes;
  // The size is a hint: the file may be a pipe, or grow.
  struct stat status {};
  if (fstat(fileno(file.get()), &status) == 0 && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    if (S_ISREG(status.st_mode) && size > bytes_max) {
      return too_large(path, bytes_max);
    }
    bytes.reserve(std::min(size, bytes_max) + chunk_bytes);
  }
  while (true) {
    const std::size_t have = bytes.size();
    bytes.resize(have + chunk_bytes);
    const std::size_t got = std::fread(bytes.data() + have, 1, chunk_bytes, file.get());
    bytes.resize(have + got);
    if (bytes.size() > bytes_max) {
      return too_large(path, bytes_max);
    }
    if (got < chunk_bytes) {
      if (std::ferror(file.get()) != 0) {
        return system_failure(path, errno);
      }
      return bytes;
    }
  }
}

}  // namespace heapwatch::base
