// The processes that an instance is attached to: a process of our own for each, which attaches,
// waits and lets go.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "memory/process/facts.h"

namespace heapwatch::check::memory {

/// Threads: not safe. Whoever is attached to when this ends is let go of.
class Attachments {
 public:
  /// Between two tries at a process.
  static constexpr std::chrono::minutes again{10};
  static constexpr std::size_t processes_max = 32;

  /// `program`: what is started, as check/children/attacher.h has it.
  explicit Attachments(std::string program) : program_(std::move(program)) {}
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;
  ~Attachments();

  /// Attaches to those that are not yet attached to, and lets go of others. Returns what went
  /// wrong, sentences without a full stop; what went well is logged.
  [[nodiscard]] std::vector<std::string> keep(
      const std::vector<heapwatch::memory::process::Facts>& wanted,
      std::chrono::steady_clock::time_point now);

 private:
  struct Attached {
    unsigned long long start_ticks = 0;
    pid_t helper = 0;           // 0: it has ended
    base::OwnDescriptor until;  // its standard input
    base::OwnDescriptor told;   // its standard output
    std::string line;           // what it has said so far
    std::chrono::steady_clock::time_point tried;
  };

  [[nodiscard]] bool start(Attached& attached, int pid) const;
  static std::vector<std::string> read(Attached& attached);
  static void let_go(Attached& attached);

  std::string program_;
  std::map<int, Attached> attached_;  // by pid
};

}  // namespace heapwatch::check::memory
