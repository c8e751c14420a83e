// Time, handed in so that tests can set it.
#pragma once

#include <chrono>
#include <functional>

namespace heapwatch::base {

/// One moment on both clocks: `wall` is what people read, `steady` is what durations are made of.
struct Instant {
  std::chrono::system_clock::time_point wall;
  std::chrono::steady_clock::time_point steady;
};

/// Threads: a Clock may be called from any thread at any time.
using Clock = std::function<Instant()>;

[[nodiscard]] inline Instant now() {
  return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()};
}

}  // namespace heapwatch::base
