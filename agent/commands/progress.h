// What a person sees who waits for more than a second: a line that goes away when the answer comes.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace heapwatch::agent::commands {

/// Writes to standard error, on a terminal only.
///
/// Threads: has one of its own, which ends with it.
class Progress {
 public:
  explicit Progress(std::string what);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// What goes on now: "process 3 of 20".
  void at(std::string what);

 private:
  void show();

  std::mutex mutex_;
  std::condition_variable ends_;
  std::string what_;  // under mutex_, as is
  bool has_ended_ = false;
  std::thread thread_;
};

}  // namespace heapwatch::agent::commands
