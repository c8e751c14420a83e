// Whole lines into packets.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace heapwatch::exporters::dogstatsd {

/// Fills packets with lines as full as they get; a packet never holds a part of a line.
///
/// Threads: not safe.
class Packer {
 public:
  using Send = std::function<void(std::string packet)>;

  Packer(std::size_t packet_bytes_max, Send send);

  /// Takes lines, each ended by `\n`. Invariant of the caller: none is longer than a packet.
  void add(std::string_view lines);
  /// Sends what is left.
  void flush();

 private:
  std::size_t packet_bytes_max_;
  Send send_;
  std::string packet_;
};

}  // namespace heapwatch::exporters::dogstatsd
