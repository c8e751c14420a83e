// Which processes there are, and which of them is meant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::memory::process {

struct Entry {
  int pid = 0;
  std::string command;       // comm
  std::string command_line;  // arguments with blanks between
  std::uint64_t rss = 0;     // bytes
};

inline constexpr std::size_t processes_max = 65'536;

/// Every process of this machine that has memory of its own (no kernel threads, no zombies), the
/// largest first.
[[nodiscard]] std::vector<Entry> list_processes(const std::string& proc = "/proc");

/// Those a person means by a text: a pid; else every process of that name; else those of a systemd
/// unit ("nginx.service"), or of a container (its id, or the first twelve digits of it or more);
/// else every one whose command line holds the text, but for those that started us; else those of
/// the service of that name. Our own process is meant by its pid alone. Errors: not_found, with
/// names that come near; invalid when several containers are meant.
[[nodiscard]] base::Result<std::vector<Entry>> find_processes(std::string_view target,
                                                              const std::string& proc = "/proc");

/// The processes that listen on a TCP port of this machine. Errors: not_found, also when the socket
/// is there and its process is another user's.
[[nodiscard]] base::Result<std::vector<Entry>> find_listeners(unsigned port,
                                                              const std::string& proc = "/proc");

inline constexpr std::size_t listeners_max = 4;

/// Where a process listens on TCP ports of the loopback, as "127.0.0.1:6060" or "[::1]:6060": so
/// many of them at most. None of a process that has a network of its own, or whose descriptors are
/// not ours to read.
[[nodiscard]] std::vector<std::string> loopback_listeners(int pid,
                                                          const std::string& proc = "/proc");

}  // namespace heapwatch::memory::process
