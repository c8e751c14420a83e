#include "base/descriptor_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace heapwatch::base {

namespace {

bool wait_until_writable(int descriptor, int timeout_ms) {
  pollfd wanted{.fd = descriptor, .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    ready = poll(&wanted, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      (void)wait_until_writable(descriptor, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool write_without_waiting(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    // A pipe that can be written takes so many bytes at once; its own setting is shared with others
    // and stays as it is.
    const std::string_view piece = bytes.substr(0, PIPE_BUF);
    if (!wait_until_writable(descriptor, 0)) {
      return false;
    }
    const ssize_t written = write(descriptor, piece.data(), piece.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace heapwatch::base
