// A process that runs under `heapwatch exec`: its books, read from outside while it runs and after
// it ended.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "memory/native/native_heap.h"
#include "memory/native/untracked_frees.h"

namespace heapwatch::memtrack {
struct Books;
struct Stack;
}  // namespace heapwatch::memtrack

namespace heapwatch::memory::native {

/// The native frames of an interpreter, where code that it runs stands in the stack, too.
enum class Plumbing { hidden, shown };

/// Nothing that the books say is trusted: pointers and counts are held to their limits.
///
/// Threads: any; reading needs no lock.
class WatchedProcess {
 public:
  /// Takes the file over. Errors: invalid, when it is none of our books.
  [[nodiscard]] static base::Result<std::unique_ptr<WatchedProcess>> open(int file, pid_t pid,
                                                                          std::string name);
  WatchedProcess(const WatchedProcess&) = delete;
  WatchedProcess& operator=(const WatchedProcess&) = delete;
  ~WatchedProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// As the kernel called it when it handed in its books.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_alive() const;

  [[nodiscard]] memtrack_counters counters() const;
  [[nodiscard]] std::vector<std::pair<std::string, memtrack_counters>> components() const;
  [[nodiscard]] memtrack_health health() const;
  /// Of the blocks, of what the program mapped by itself, or of the stacks of its threads; exact.
  [[nodiscard]] memtrack_counters space_counters(memtrack_space space) const;
  /// The library whose allocator it has, when that is not glibc's.
  [[nodiscard]] std::string allocator() const;
  /// What of its native memory is not on the books, a sentence each.
  [[nodiscard]] std::vector<std::string> unseen() const;
  /// Threads that have ended and were neither joined nor detached.
  [[nodiscard]] std::uint64_t waiting_threads() const;
  [[nodiscard]] NativeHeap heap(Plumbing plumbing = Plumbing::hidden) const;
  /// "CPython 3.11.2"; empty when the program has none that is watched.
  [[nodiscard]] std::string interpreter() const;
  /// What the interpreter's small blocks lie in.
  struct Arenas {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Arenas arenas() const;
  [[nodiscard]] std::vector<UntrackedFree> untracked_frees() const;

 private:
  WatchedProcess() = default;

  template <typename T>
  [[nodiscard]] const T* at(const T* theirs, std::size_t bytes = sizeof(T)) const;
  [[nodiscard]] memtrack_counters sum(memtrack_component first, memtrack_component limit) const;
  [[nodiscard]] memtrack_component component_count() const;
  [[nodiscard]] std::string component_name(memtrack_component component) const;
  [[nodiscard]] std::vector<NativeHeap::Mapping> mappings() const;
  [[nodiscard]] InterpreterCode interpreter_code(const std::vector<NativeHeap::Mapping>& mappings,
                                                 Plumbing plumbing) const;
  [[nodiscard]] InterpretedFrame frame_of(std::uint32_t function, std::uint32_t line) const;
  /// Reads stacks, each once.
  class Stacks;

  pid_t pid_ = 0;
  int process_ = -1;  // pidfd
  std::string name_;
  const memtrack::Books* books_ = nullptr;
  std::size_t file_bytes_ = 0;
};

}  // namespace heapwatch::memory::native
