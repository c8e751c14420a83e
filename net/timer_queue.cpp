#include "net/timer_queue.h"

#include <algorithm>
#include <utility>

namespace heapwatch::net {

TimerQueue::Id TimerQueue::add(Clock::time_point when, Task task) {
  const Id id = next_id_++;
  tasks_.emplace(id, std::move(task));
  heap_.push_back({when, id});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  return id;
}

void TimerQueue::cancel(Id id) {
  tasks_.erase(id);
  // Far timers that are cancelled again and again must not pile up.
  constexpr std::size_t slack = 64;
  if (heap_.size() > 2 * tasks_.size() + slack) {
    heap_.erase(std::remove_if(heap_.begin(), heap_.end(),
                               [&](const Entry& entry) { return tasks_.count(entry.id) == 0; }),
                heap_.end());
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
}

std::optional<TimerQueue::Clock::time_point> TimerQueue::next() {
  drop_cancelled();
  if (heap_.empty()) {
    return std::nullopt;
  }
  return heap_.front().when;
}

void TimerQueue::run_due(Clock::time_point now, const std::function<bool()>& go_on) {
  const Id end = next_id_;
  for (drop_cancelled(); go_on() && !heap_.empty(); drop_cancelled()) {
    const Entry entry = heap_.front();
    if (entry.when > now || entry.id >= end) {
      return;
    }
    pop();
    auto node = tasks_.extract(entry.id);
    node.mapped()();
  }
}

void TimerQueue::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
  heap_.pop_back();
}

void TimerQueue::drop_cancelled() {
  while (!heap_.empty() && tasks_.count(heap_.front().id) == 0) {
    pop();
  }
}

}  // namespace heapwatch::net
