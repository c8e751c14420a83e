#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "base/descriptor_output.h"

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

namespace {

tl::unexpected<Error> cannot_write(const std::filesystem::path& path, int number) {
  return fail(ErrorKind::io, path.string() + ": " + std::strerror(number));
}

/// Writes, and closes. Zero, or what went wrong.
int write_and_close(int descriptor, std::string_view bytes) {
  errno = 0;
  int wrong = write_all(descriptor, bytes) ? 0 : errno;
  if (close(descriptor) != 0 && wrong == 0) {
    wrong = errno;
  }
  return wrong;
}

}  // namespace

Result<void> write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::error_code failure;
  std::filesystem::path place = std::filesystem::weakly_canonical(path, failure);
  if (failure || path.filename().empty()) {
    place = path;
  }
  struct stat status {};
  const bool is_there = stat(place.c_str(), &status) == 0;
  if (is_there && !S_ISREG(status.st_mode)) {
    const int descriptor = open(place.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
    const int wrong = descriptor < 0 ? errno : write_and_close(descriptor, bytes);
    return wrong == 0 ? Result<void>() : cannot_write(path, wrong);
  }
  const std::string draft = place.string() + ".part-" + std::to_string(getpid());
  constexpr mode_t usual = 0666;
  const int descriptor = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, usual);
  if (descriptor < 0) {
    return cannot_write(path, errno);
  }
  if (is_there) {
    (void)fchmod(descriptor, status.st_mode & 07777U);
  }
  int wrong = write_and_close(descriptor, bytes);
  if (wrong == 0 && std::rename(draft.c_str(), place.c_str()) != 0) {
    wrong = errno;
  }
  if (wrong != 0) {
    (void)unlink(draft.c_str());
    return cannot_write(path, wrong);
  }
  return {};
}

}  // namespace heapwatch::base
