// Has a process that runs load our library, or call its entry when it is there already.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "attach/evidence.h"
#include "base/error.h"
#include "preload/injected.h"

namespace heapwatch::attach {

/// The moments of an injection, in the order they come. At any of them we may die: the process goes
/// on.
enum class Step {
  stopped_for_room,  // a thread is stopped, and as it was
  sent_to_call,      // it has other registers
  masked,            // its signals are blocked
  room_made,
  room_open,
  file_made,
  room_returning,  // its state is being put back
  room_left,       // it runs on
  file_filled,
  stopped_for_call,
  sent_to_borrow,
  borrowed,  // it runs in our code
  waiting,   // pthread_create has returned
  returning,
  returned,  // it has its registers back
  left,      // it runs on; the new thread may still be at work
  finished,
};
inline constexpr int steps = static_cast<int>(Step::finished) + 1;

struct InjectionOptions {
  std::string library;  // the file
  preload::Operation operation = preload::Operation::attach;
  preload::Python python = preload::Python::automatic;
  std::uint64_t sample_interval = std::uint64_t{512} * 1024;
  /// For pthread_create; a thread that waits longer is put back, and another one taken.
  std::chrono::milliseconds create_limit{200};
  int tries = 8;
  /// Until a thread is found at a point where it may be borrowed.
  std::chrono::milliseconds search_limit{10'000};
  /// For the library's work in a thread of its own, which holds nobody.
  std::chrono::milliseconds load_limit{20'000};
  std::function<void(Step)> at_step;  // for tests
};

struct Injection {
  preload::Outcome outcome = preload::Outcome::none;
  double stopped_ms = 0;  // the longest time for which a thread stood still or was borrowed
  int stops = 0;          // threads that were stopped, most of them just looked at
  int tries = 0;
};

/// Errors: refused (a seccomp filter, no right), timeout (no thread was found, or the library did
/// not finish), not_found (it has ended), io (with what the loader says). The process goes on as it
/// was in each case. What it has mapped of ours goes again, unless a thread of it may still be in
/// our code: after a timeout.
[[nodiscard]] base::Result<Injection> inject(const Evidence& evidence,
                                             const InjectionOptions& options);

}  // namespace heapwatch::attach
