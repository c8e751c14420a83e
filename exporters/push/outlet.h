// A receiver of messages, with a queue and a thread of its own: receivers know nothing of each
// other.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "exporters/push/batch.h"
#include "exporters/push/figures.h"
#include "exporters/push/oauth2.h"
#include "exporters/push/protocol.h"
#include "exporters/push/sender.h"
#include "net/event_loop.h"
#include "net/http.h"

namespace heapwatch::exporters::push {

/// Where messages go, and how long they wait.
// In the order of its parts.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct ReceiverOptions {
  std::string name;          // in metrics and in the log
  net::HttpRequest request;  // where to, and all that is the same for all messages
  // Read for each request; empty: what the request says.
  std::string username_file;
  std::string password_file;
  std::optional<OAuth2Options> oauth2;

  // queue_config
  std::uint16_t lanes = 4;
  std::size_t samples_max = 2000;  // of a message
  std::chrono::milliseconds deadline{5000};
  std::chrono::milliseconds min_backoff{30};
  std::chrono::milliseconds max_backoff{5000};
  std::chrono::milliseconds sample_age_limit{0};
  bool retry_on_429 = true;
  std::size_t memory_bytes_max = std::size_t{16} << 20U;
  std::filesystem::path disk_folder;  // empty: memory alone
  bool disk_is_wanted = true;         // false: memory alone, where the folder cannot be used
  std::uint64_t disk_bytes_max = std::uint64_t{1} << 30U;
};

/// Takes plain messages; its thread compresses, keeps and sends them.
///
/// Threads: pass(), drain() and figures() from any; the others as they say.
class Outlet {
 public:
  struct Options {
    const Protocol* protocol = nullptr;  // a constant
    Version version = Version::v1;
    base::Clock clock = base::now;
    /// On its thread: the receiver is sent this version from now on.
    std::function<void(Version)> on_version = [](Version) {};
  };

  /// Errors: io, refused: the queue on the disk; also of the event loop.
  [[nodiscard]] static base::Result<std::unique_ptr<Outlet>> start(ReceiverOptions receiver,
                                                                   Options options);
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  ~Outlet();

  /// Ends its thread: what was passed before is taken in, and what is not sent is kept on the disk.
  /// For who is used by tasks of after(); nothing is to be passed behind it.
  void stop();

  /// What its memory has no room for is dropped and counted.
  void pass(Batch batch);
  /// On its thread, after this time, unless it ends before.
  void after(std::chrono::milliseconds time, std::function<void()> task);
  /// Nothing waits and nothing is on its way. On its thread.
  [[nodiscard]] bool is_idle() const { return sender_->is_idle(); }
  /// Waits until that is so; false when it took longer.
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout);

  [[nodiscard]] const ReceiverOptions& receiver() const { return receiver_; }
  [[nodiscard]] SharedFigures& shared_figures() { return figures_; }
  [[nodiscard]] Figures figures() const { return figures_.read(); }

 private:
  class LoopSurroundings;

  Outlet(ReceiverOptions receiver, Options options);

  [[nodiscard]] base::Result<Queue::Options> open_queue() const;
  [[nodiscard]] base::Result<void> start_sending();
  [[nodiscard]] base::Result<net::HttpRequest> make_request(const std::string& token) const;
  void take(Batch batch, bool is_compressed);
  void check_idle();

  ReceiverOptions receiver_;
  Options options_;
  SharedFigures figures_;

  std::mutex idle_mutex_;
  std::condition_variable idle_changed_;
  bool is_idle_ = true;
  std::atomic<std::size_t> handed_over_{0};  // bytes on their way to the thread
  std::atomic<std::size_t> batches_handed_over_{0};

  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<LoopSurroundings> surroundings_;
  std::unique_ptr<Sender> sender_;
  std::thread thread_;
};

}  // namespace heapwatch::exporters::push
