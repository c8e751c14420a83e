// The processes of a program under `heapwatch exec`: they come by themselves, through a socket.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "memory/native/watched_process.h"
#include "preload/attach.h"

namespace heapwatch::memory::native {

/// Threads: any.
class WatchedProcesses {
 public:
  /// Beyond so many, the books of children that have ended are given up, the oldest first.
  static constexpr std::size_t kept_max = 256;

  /// Errors: io.
  [[nodiscard]] static base::Result<std::unique_ptr<WatchedProcesses>> start();
  WatchedProcesses(const WatchedProcesses&) = delete;
  WatchedProcesses& operator=(const WatchedProcesses&) = delete;
  ~WatchedProcesses();

  /// What the program has to find in its environment.
  [[nodiscard]] const std::string& socket_path() const { return path_; }
  /// Takes in a process whose books were found by other means.
  void adopt(std::unique_ptr<WatchedProcess> process);
  /// The process the program was started as: its books are never given up.
  void set_root(pid_t pid);

  using ProcessPtr = std::shared_ptr<const WatchedProcess>;
  /// Null when it has not handed in its books.
  [[nodiscard]] ProcessPtr find(pid_t pid) const;
  /// In the order they came.
  [[nodiscard]] std::vector<ProcessPtr> all() const;
  /// How many were given up.
  [[nodiscard]] std::uint64_t given_up() const;
  /// Takes in what has been sent already, and then no more.
  void stop();

 private:
  WatchedProcesses() = default;
  void serve();
  /// A process that hands in its books, or somebody who wants the accounting of one switched.
  void take(int connection);
  void add(int file, pid_t pid, std::string name);
  void answer(int connection, const preload::Switch& wanted);
  /// Looks at those that live; when to look again, in milliseconds for poll().
  int note_moments();

  std::string folder_;
  std::string path_;
  int listener_ = -1;
  int stop_ = -1;  // an eventfd
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<WatchedProcess>> processes_;  // under mutex_, as the rest
  std::uint64_t given_up_ = 0;
  pid_t root_ = 0;
};

}  // namespace heapwatch::memory::native
