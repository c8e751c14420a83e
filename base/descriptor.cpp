#include "base/descriptor.h"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace heapwatch::base {

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::io, std::strerror(errno));
  }
  return Pipe{.reader = Descriptor(ends[0]), .writer = Descriptor(ends[1])};
}

}  // namespace heapwatch::base
