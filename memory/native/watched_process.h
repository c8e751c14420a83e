// A process that runs under `heapwatch exec`: its books, read from outside while it runs and after
// it ended.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "memory/native/native_heap.h"
#include "memory/native/untracked_frees.h"
#include "preload/program_file.h"

namespace heapwatch::memtrack {
struct Books;
enum class Hooks : std::uint32_t;
struct Record;
struct Stack;
}  // namespace heapwatch::memtrack

namespace heapwatch::memory::native {

/// The native frames of an interpreter, where code that it runs stands in the stack, too.
enum class Plumbing { hidden, shown };

/// Nothing that the books say is trusted: pointers and counts are held to their limits.
///
/// Threads: any. Reading needs no lock of the process; heaps are read one after another.
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
  /// Becomes readable with the end of the process; -1: there is none.
  [[nodiscard]] int descriptor() const { return process_; }
  /// To be called now and then while the process lives, and when it has ended: keeps what each
  /// record held at moments that are further and further apart, so that a heap can tell what of an
  /// earlier moment lives still. When it is to be called next; 0: not any more.
  std::chrono::milliseconds note_moment();

  /// Whether it counts now.
  [[nodiscard]] bool is_accounting() const;
  /// False when the kernel refuses. What was counted before a time without accounting is given up
  /// when it begins again.
  bool switch_accounting(bool on);

  [[nodiscard]] memtrack_counters counters() const;
  [[nodiscard]] std::vector<std::pair<std::string, memtrack_counters>> components() const;
  [[nodiscard]] memtrack_health health() const;
  /// What was freed since accounting was last begun of blocks from before that.
  struct Older {
    std::uint64_t frees = 0;
    std::uint64_t bytes = 0;  // as far as their sizes can be told
  };
  [[nodiscard]] Older older(memtrack_space space) const;
  /// In use of what came since accounting was last begun, less what was freed of what was there
  /// before.
  [[nodiscard]] std::int64_t growth(memtrack_space space) const;
  /// Of the blocks, of what the program mapped by itself, or of the stacks of its threads; exact.
  [[nodiscard]] memtrack_counters space_counters(memtrack_space space) const;
  /// The library whose allocator it has, when that is not glibc's.
  [[nodiscard]] std::string allocator() const;
  /// What of its native memory is not on the books, a sentence each.
  [[nodiscard]] std::vector<std::string> unseen() const;
  /// A program that the process, or a child that shared its memory, began and that is not seen.
  struct Unwatched {
    std::string path;
    preload::ProgramKind kind;
    std::uint64_t count;
  };
  [[nodiscard]] std::vector<Unwatched> unwatched() const;
  /// Such a program that the process itself became.
  [[nodiscard]] std::optional<Unwatched> became() const;
  /// Threads that have ended and were neither joined nor detached.
  [[nodiscard]] std::uint64_t waiting_threads() const;
  /// Stacks that an earlier call has read are not read again.
  [[nodiscard]] NativeHeap heap(Plumbing plumbing = Plumbing::hidden) const;
  /// How many stacks were read out of the books up to now.
  [[nodiscard]] std::uint64_t stacks_read() const;
  /// "CPython 3.11.2"; empty when the program has none that is watched.
  [[nodiscard]] std::string interpreter() const;
  /// What became of hooks on its allocators that were to come or go while the program runs, and
  /// which interpreter that is, also where it is not watched.
  struct InterpreterHooks {
    memtrack::Hooks state{};
    std::string interpreter;
    bool are_on = false;
  };
  [[nodiscard]] InterpreterHooks interpreter_hooks() const;
  /// What the interpreter's small blocks lie in.
  struct Arenas {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Arenas arenas() const;
  [[nodiscard]] std::vector<UntrackedFree> untracked_frees() const;

 private:
  WatchedProcess();

  template <typename T>
  [[nodiscard]] const T* at(const T* theirs, std::size_t bytes = sizeof(T)) const;
  [[nodiscard]] memtrack_counters sum(memtrack_component first, memtrack_component limit) const;
  [[nodiscard]] memtrack_component component_count() const;
  [[nodiscard]] std::string component_name(memtrack_component component) const;
  [[nodiscard]] std::vector<NativeHeap::Mapping> mappings() const;
  [[nodiscard]] InterpreterCode interpreter_code(const std::vector<NativeHeap::Mapping>& mappings,
                                                 Plumbing plumbing) const;
  [[nodiscard]] InterpretedFrame frame_of(std::uint32_t function, std::uint32_t line) const;
  [[nodiscard]] std::chrono::milliseconds now() const;
  void read_births(NativeHeap& heap) const;
  void read_marks(NativeHeap& heap) const;
  [[nodiscard]] std::uint64_t record_count() const;
  [[nodiscard]] std::int64_t in_use_at_peak(const memtrack::Record& record) const;
  /// Reads stacks, each once, and keeps them.
  class Stacks;
  [[nodiscard]] Stacks& kept_stacks(Plumbing plumbing) const;
  /// What records held at a moment.
  struct Mark {
    std::chrono::milliseconds at{0};
    std::vector<std::int64_t> inuse;  // by record
  };

  pid_t pid_ = 0;
  int process_ = -1;  // pidfd
  std::string name_;
  const memtrack::Books* books_ = nullptr;
  std::size_t file_bytes_ = 0;
  int file_ = -1;

  mutable std::mutex mutex_;
  std::chrono::milliseconds ended_{-1};  // -1: it lives, or nobody has looked
  Mark latest_;
  Mark before_;  // the one that heaps are compared with

  mutable std::mutex stacks_mutex_;
  mutable std::array<std::unique_ptr<Stacks>, 2> stacks_;  // by plumbing; under stacks_mutex_
};

}  // namespace heapwatch::memory::native
