// What is told of each watched process, for the pages about ourselves.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "leak/judge.h"

namespace heapwatch::check::memory {

/// The verdict on one process.
struct ProcessVerdict {
  int pid = 0;
  std::string name;    // as the tag process_name has it
  std::string target;  // what the instance watches, in words
  leak::Verdict verdict = leak::Verdict::cannot_tell;
  leak::Confidence confidence = leak::Confidence::low;
  std::string sentence;
  std::vector<leak::Finding> leaks;      // one for each space that leaks, the fastest first
  std::chrono::nanoseconds for_time{0};  // how long the verdict has been told
  std::vector<std::string> next;
};

/// Threads: any.
class Board {
 public:
  /// All that an instance watches, in place of what it told before.
  void tell(const void* who, std::vector<ProcessVerdict> verdicts) {
    const std::lock_guard lock(mutex_);
    told_[who] = std::move(verdicts);
  }
  void withdraw(const void* who) {
    const std::lock_guard lock(mutex_);
    told_.erase(who);
  }
  /// Of all instances: by pid, each process once for each instance that watches it.
  [[nodiscard]] std::vector<ProcessVerdict> all() const;

 private:
  mutable std::mutex mutex_;
  std::map<const void*, std::vector<ProcessVerdict>> told_;
};

}  // namespace heapwatch::check::memory
