// How much of a core looks at memory may take.
#pragma once

#include <algorithm>
#include <chrono>

#include "check/memory/machine.h"

namespace heapwatch::check::memory {

/// Credit that grows with time, at most to `most`, and that the looks of all instances take from:
/// so all of them together stay within the share, and each of them comes to its turn.
class Budget {
 public:
  /// `share` of one core.
  Budget(double share, std::chrono::nanoseconds most) : share_(share), most_(most), credit_(most) {}

  /// Whether a look may begin. One that costs more than there is leaves a debt.
  [[nodiscard]] bool allows(const Machine& machine) {
    const Moment now = machine.now();
    const std::chrono::nanoseconds spent = machine.spent();
    if (seen_) {
      const auto earned = std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::duration<double, std::nano>(static_cast<double>((now - now_).count()) *
                                                   share_));
      credit_ = std::min(most_, credit_ + earned - (spent - spent_));
    }
    seen_ = true;
    now_ = now;
    spent_ = spent;
    return credit_ > std::chrono::nanoseconds(0);
  }

 private:
  double share_;
  std::chrono::nanoseconds most_;
  std::chrono::nanoseconds credit_;
  bool seen_ = false;
  Moment now_;
  std::chrono::nanoseconds spent_{0};
};

}  // namespace heapwatch::check::memory
