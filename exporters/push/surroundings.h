// What a sender is told of time, and how it reaches a receiver.
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.h"
#include "net/http.h"

namespace heapwatch::exporters::push {

/// Handed in, so that a test can let a receiver be away for an hour within a moment.
///
/// Threads: one. No callback is called from within the function that takes it.
class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;

  [[nodiscard]] virtual base::Instant now() const = 0;
  virtual void fetch(net::HttpRequestPtr request, std::function<void(net::HttpResult)> done) = 0;
  /// Not before `when`.
  virtual void at(std::chrono::steady_clock::time_point when, std::function<void()> task) = 0;
};

}  // namespace heapwatch::exporters::push
