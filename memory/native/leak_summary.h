// What a program had not freed when it ended, for people.
#pragma once

#include <string>
#include <vector>

#include "memory/native/watched_process.h"

namespace heapwatch::memory::native {

struct Ended {
  const WatchedProcess& process;
  std::string how;        // "exit status 0", "signal 9"; empty: it still runs, or nobody knows
  bool is_child = false;  // of the program
  /// An earlier moment of it: the places are ranked by how much they grew since. Null: by what they
  /// hold.
  const NativeHeap* since = nullptr;
};

/// The counters, the places that hold most and for how long, those that held most at the peak and
/// that made most temporary blocks, what is not seen, and the untracked frees. Every line begins
/// with "heapwatch: ".
[[nodiscard]] std::string leak_summary(const Ended& ended);

}  // namespace heapwatch::memory::native
