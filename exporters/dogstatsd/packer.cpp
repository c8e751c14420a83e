#include "exporters/dogstatsd/packer.h"

#include <cstdlib>
#include <utility>

namespace heapwatch::exporters::dogstatsd {

Packer::Packer(std::size_t packet_bytes_max, Send send)
    : packet_bytes_max_(packet_bytes_max), send_(std::move(send)) {}

void Packer::add(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t room = packet_bytes_max_ - packet_.size();
    // The longest run of whole lines that fits.
    const std::size_t end =
        lines.size() <= room ? lines.size() : lines.substr(0, room).rfind('\n') + 1;
    if (end == 0) {
      if (packet_.empty()) {
        std::abort();  // the caller's invariant is broken
      }
      flush();
      continue;
    }
    if (packet_.empty()) {
      packet_.reserve(packet_bytes_max_);
    }
    packet_ += lines.substr(0, end);
    lines.remove_prefix(end);
  }
}

void Packer::flush() {
  if (!packet_.empty()) {
    send_(std::exchange(packet_, {}));
  }
}

}  // namespace heapwatch::exporters::dogstatsd
