#include "agent/commands/progress.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <utility>

#include "agent/process/terminal.h"

namespace heapwatch::agent::commands {

Progress::Progress(std::string what) : what_(std::move(what)) {
  if (process::takes_colors(STDERR_FILENO)) {
    thread_ = std::thread([this] { show(); });
  }
}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
  }
  ends_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Progress::at(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
}

void Progress::show() {
  constexpr const char* clear = "\r\x1b[K";
  std::unique_lock lock(mutex_);
  for (int seconds = 1;; ++seconds) {
    if (ends_.wait_for(lock, std::chrono::seconds(1), [this] { return has_ended_; })) {
      std::cerr << (seconds > 1 ? clear : "") << std::flush;
      return;
    }
    std::cerr << clear << "heapwatch: " << what_ << ", " << seconds << " s" << std::flush;
  }
}

}  // namespace heapwatch::agent::commands
