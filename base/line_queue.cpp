#include "base/line_queue.h"

#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include "base/descriptor_output.h"

namespace heapwatch::base {

struct LineQueue::State {
  explicit State(LineQueueOptions given) : options(std::move(given)) {}

  void run() noexcept;
  /// False when there is no memory for it.
  bool append(std::string_view line) noexcept {
    try {
      waiting += line;
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  const LineQueueOptions options;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::string waiting;  // whole lines
  std::size_t waiting_lines = 0;
  std::uint64_t lost = 0;      // in all
  std::uint64_t lost_now = 0;  // since the last line that said so
  bool is_writing = false;
  bool is_stopping = false;
};

void LineQueue::State::run() noexcept {
  std::string writing;
  std::unique_lock guard(mutex);
  while (true) {
    changed.wait(guard, [this] { return is_stopping || !waiting.empty() || lost_now > 0; });
    if (waiting.empty() && lost_now == 0) {
      return;
    }
    // While lines are lost the queue is full: all of it stands before them.
    writing.clear();
    writing.swap(waiting);
    const std::size_t lines = std::exchange(waiting_lines, 0);
    const std::uint64_t missing = std::exchange(lost_now, 0);
    is_writing = true;
    guard.unlock();
    if (missing > 0) {
      try {
        writing += options.loss_line(missing);
      } catch (const std::bad_alloc&) {
        (void)0;  // the number is told elsewhere, too
      }
    }
    const bool is_written = write_all(options.descriptor, writing);
    guard.lock();
    is_writing = false;
    lost += is_written ? 0 : lines;
    changed.notify_all();
  }
}

LineQueue::LineQueue(LineQueueOptions options)
    : state_(std::make_shared<State>(std::move(options))) {
  std::thread([state = state_]() noexcept { state->run(); }).detach();
}

LineQueue::~LineQueue() {
  const std::lock_guard guard(state_->mutex);
  state_->is_stopping = true;
  state_->changed.notify_all();
}

void LineQueue::push(std::string_view line) {
  State& state = *state_;
  const std::lock_guard guard(state.mutex);
  const bool has_room = state.waiting_lines < state.options.lines_max &&
                        state.waiting.size() + line.size() <= state.options.bytes_max;
  // Once a line is missing, those after it are lost until the line that says so can be written.
  if (has_room && state.lost_now == 0 && state.append(line)) {
    ++state.waiting_lines;
  } else {
    ++state.lost;
    ++state.lost_now;
  }
  state.changed.notify_all();
}

bool LineQueue::drain(std::chrono::milliseconds patience) {
  State& state = *state_;
  std::unique_lock guard(state.mutex);
  return state.changed.wait_for(guard, patience, [&state] {
    return state.waiting.empty() && state.lost_now == 0 && !state.is_writing;
  });
}

std::uint64_t LineQueue::lost() const {
  const std::lock_guard guard(state_->mutex);
  return state_->lost;
}

void LineQueue::lock() {
  state_->mutex.lock();
}

void LineQueue::unlock() {
  state_->mutex.unlock();
}

}  // namespace heapwatch::base
