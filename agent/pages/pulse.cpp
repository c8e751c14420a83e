#include "agent/pages/pulse.h"

#include <algorithm>
#include <utility>

namespace heapwatch::agent::pages {

Pulse::Pulse(net::EventLoop& loop, std::chrono::microseconds interval, std::function<void()> beat)
    : loop_(loop), interval_(interval), beat_(std::move(beat)) {}

void Pulse::begin() {
  const auto due = std::chrono::steady_clock::now() + interval_;
  loop_.at(due, [this, due] { take(due); });
}

void Pulse::take(std::chrono::steady_clock::time_point due) {
  const std::chrono::nanoseconds late =
      std::max<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - due,
                                         std::max(loop_.take_longest_round(), loop_.busy_for()));
  recent_.at(at_) = late.count();
  at_ = (at_ + 1) % recent_.size();
  lag_ = late.count();
  lag_max_ = *std::max_element(recent_.begin(), recent_.end());
  running_ = loop_.transfers_running();
  waiting_ = loop_.transfers_waiting();
  beat_();
  begin();
}

std::chrono::nanoseconds Pulse::lag() const {
  return std::max(std::chrono::nanoseconds(lag_.load(std::memory_order_relaxed)), loop_.busy_for());
}

std::chrono::nanoseconds Pulse::lag_max() const {
  return std::max(std::chrono::nanoseconds(lag_max_.load(std::memory_order_relaxed)),
                  loop_.busy_for());
}

}  // namespace heapwatch::agent::pages
