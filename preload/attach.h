// The way from a program that runs under `heapwatch exec` to the one that watches it.
#pragma once

namespace heapwatch::preload {

/// The environment variables of a watched program.
constexpr const char* socket_variable = "HEAPWATCH_EXEC_SOCKET";
constexpr const char* interval_variable = "HEAPWATCH_SAMPLE_INTERVAL";
/// Present: programs begin with their accounting off, until it is switched on.
constexpr const char* dormant_variable = "HEAPWATCH_DORMANT";
/// The number of a process: only what is its child is watched.
constexpr const char* only_variable = "HEAPWATCH_EXEC_ONLY";

/// What the file of the books is called in /proc/PID/fd and /proc/PID/map_files. A program that has
/// the library loaded and that nobody watches keeps it open.
constexpr const char* books_name = "heapwatch books";

/// What the library is called in /proc/PID/maps where it was brought into a running process.
constexpr const char* library_name = "heapwatch library";

/// The one message over the socket (SOCK_SEQPACKET), with the file of the books as ancillary data.
struct Hello {
  static constexpr unsigned current_version = 2;
  unsigned version;
  char name[16];  // of the process, as the kernel knows it
};

/// Asks who watches a process to switch its accounting on or off; answered by a Switched.
struct Switch {
  static constexpr unsigned current_version = 0x10002;  // no Hello has it
  unsigned version;
  int process;
  unsigned on;
};
struct Switched {
  unsigned found;  // 0: no such process
};

}  // namespace heapwatch::preload
