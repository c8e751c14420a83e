// The way from a program that runs under `heapwatch exec` to the one that watches it.
#pragma once

namespace heapwatch::preload {

/// The environment variables of a watched program.
constexpr const char* socket_variable = "HEAPWATCH_EXEC_SOCKET";
constexpr const char* interval_variable = "HEAPWATCH_SAMPLE_INTERVAL";

/// The one message over the socket (SOCK_SEQPACKET), with the file of the books as ancillary data.
struct Hello {
  static constexpr unsigned current_version = 2;
  unsigned version;
  char name[16];  // of the process, as the kernel knows it
};

}  // namespace heapwatch::preload
