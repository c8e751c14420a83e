// What an attach puts into the memory of a process that runs, and what its code there is given.
// Read and written by both sides, and by the machine code of attach/stubs.cpp, which knows the
// offsets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heapwatch::preload {

/// The function that the new thread calls, with the Room: `void heapwatch_attached(Room*)`.
constexpr const char* entry_name = "heapwatch_attached";

enum class Operation : std::uint64_t {
  attach = 1,  // redirect the allocation functions and begin with accounting
  detach = 2,  // put back what was there, and end accounting
};

/// What entry says of its work.
enum class Outcome : std::uint64_t {
  none = 0,
  done = 1,
  already = 2,     // attached, or detached, before
  not_found = 3,   // the allocation functions of the program
  not_shared = 4,  // the books could not be shared
  sanitizer = 5,
};

/// What of CPython is to be watched, where the process has one.
enum class Python : std::uint32_t {
  off = 0,
  automatic = 1,
  only = 2,  // and nothing else
};

/// How far the borrowed thread is.
enum class Borrowed : std::uint32_t { calling = 0, waiting = 1, left = 2 };
/// How far the new thread is.
enum class Fresh : std::uint32_t { none = 0, began = 1, loaded = 2, failed = 3, finished = 4 };

/// Behind a page of code; a stack for the borrowed thread and what it returns by follow.
struct Room {
  std::uint64_t pthread_create;
  std::uint64_t dlopen;
  std::uint64_t dlsym;
  std::uint64_t dlerror;
  std::uint64_t pthread_detach;
  std::uint64_t errno_location;
  std::uint64_t thread;  // the pthread_t
  std::uint64_t frame;   // the stack pointer with which rt_sigreturn gives the thread back
  std::int32_t created;  // what pthread_create has returned
  Borrowed borrowed;
  std::int32_t turns;  // of waiting, until the borrowed thread goes back by itself
  Fresh fresh;
  std::uint64_t pause[2];  // a timespec, of a turn
  std::uint64_t scratch[2];
  std::uint64_t entry;  // the function to call; 0: it is looked up in the library
  Operation operation;
  Outcome outcome;
  std::uint64_t begin;  // of the room as a whole
  std::uint64_t bytes;
  std::int32_t library_file;  // a descriptor of the process; -1: none
  std::uint32_t released;     // set by us: nobody else is in the room
  std::uint64_t sample_interval;
  char path[64];
  char name[32];
  char error[512];
  std::uint32_t is_alone;  // its one thread is held until the library is done
  Python python;
  std::int32_t fresh_thread;  // its number
};

static_assert(offsetof(Room, errno_location) == 40 && offsetof(Room, thread) == 48 &&
              offsetof(Room, frame) == 56 && offsetof(Room, created) == 64 &&
              offsetof(Room, borrowed) == 68 && offsetof(Room, turns) == 72 &&
              offsetof(Room, fresh) == 76 && offsetof(Room, pause) == 80 &&
              offsetof(Room, scratch) == 96 && offsetof(Room, entry) == 112 &&
              offsetof(Room, path) == 168 && offsetof(Room, name) == 232 &&
              offsetof(Room, error) == 264 && offsetof(Room, fresh_thread) == 784);

}  // namespace heapwatch::preload
