#include "exporters/push/file_bytes.h"

#include <unistd.h>

#include <cerrno>

namespace heapwatch::exporters::push {

std::size_t FileBytes::read(std::uint64_t offset, std::span<char> out) const {
  std::size_t got = 0;
  while (got < out.size()) {
    const ssize_t now =
        ::pread(file_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
    if (now < 0 && errno == EINTR) {
      continue;
    }
    if (now <= 0) {
      break;
    }
    got += static_cast<std::size_t>(now);
  }
  return got;
}

bool write_all(int file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t now = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (now < 0 && errno == EINTR) {
      continue;
    }
    if (now <= 0) {
      errno = now == 0 ? ENOSPC : errno;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(now));
    offset += static_cast<std::uint64_t>(now);
  }
  return true;
}

}  // namespace heapwatch::exporters::push
