// Asks the sources of a template again and again, each on a thread of its own.
//
// Sources block, some for a minute; what they say is little and comes seldom. A thread that sleeps
// costs a few kilobytes, and a source that hangs holds up no other.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "discovery/kept.h"
#include "discovery/source.h"

namespace heapwatch::discovery {

/// What the pages show of a source.
struct SourceState {
  std::string name;
  std::size_t targets = 0;
  std::uint64_t asked = 0;
  std::uint64_t failures = 0;
  /// When all of the list was good last, also before a restart; absent: never.
  std::optional<std::chrono::system_clock::time_point> good;
  bool is_kept = false;      // the list is one from before the restart
  std::string trouble = {};  // when it was asked last; empty: none
};

/// A list and where it comes from.
struct SourceList {
  const SourceOptions* options = nullptr;   // lives as long as the watch
  std::shared_ptr<const Groups> groups;     // null: nothing is known yet
  std::shared_ptr<const Groups> kept = {};  // of the last of WatchOptions: before a restart
};

struct WatchOptions {
  std::filesystem::path kept_folder;              // empty: nothing is kept over restarts
  bool keeps = true;                              // false: what is kept there is read alone
  std::chrono::milliseconds notice_after{1'000};  // between two has_changed()
  std::chrono::milliseconds retry_after{10'000};  // a failure, where the source is asked less often
  std::size_t remembers = 0;  // the last of the sources: what they said before a restart is shown
};

/// Threads: lists() and states() from any; start() and stop_soon() from one.
class Watch {
 public:
  Watch(std::vector<std::unique_ptr<Source>> sources, WatchOptions options);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// Waits for sources that are being asked.
  ~Watch();

  /// `changed` is called on the threads of the sources when a list is another than before, and
  /// after a source was asked first; not after the destructor.
  void start(std::function<void()> changed);
  /// The threads end; has_ended() says when they have.
  void stop_soon() noexcept;
  [[nodiscard]] bool has_ended() const;

  /// `changed` is called once more then, on a thread of a source; an earlier call counts no more.
  void tell_again(std::chrono::steady_clock::time_point when);
  /// Each source was asked once, and `changed` will be or was called with what they said.
  [[nodiscard]] bool has_asked_all() const;

  /// Asks each once, on this thread: for a command that runs once.
  void ask_once();

  [[nodiscard]] std::vector<SourceList> lists() const;
  [[nodiscard]] std::vector<SourceState> states() const;

 private:
  struct Watched;

  void run(Watched& watched) noexcept;
  /// False: it is to end.
  [[nodiscard]] bool wait(Watched& watched);
  /// Whether there is another list than before.
  [[nodiscard]] bool ask(Watched& watched);
  [[nodiscard]] bool take(Watched& watched, base::Result<Answer> answer);
  void restore(Watched& watched);
  void keep(Watched& watched, bool is_another);

  WatchOptions options_;
  std::function<void()> changed_;
  std::vector<std::unique_ptr<Watched>> watched_;
  mutable std::mutex mutex_;
  std::condition_variable told_;                                // under mutex_
  bool stopping_ = false;                                       // likewise
  std::size_t running_ = 0;                                     // likewise
  std::optional<std::chrono::steady_clock::time_point> tells_;  // likewise
};

}  // namespace heapwatch::discovery
