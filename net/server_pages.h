// The pages of a server that wait to be made, and who waits for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/server_message.h"
#include "net/server_options.h"
#include "net/server_reply.h"
#include "net/worker_threads.h"

namespace heapwatch::net {

/// Requests that may share a page (ServerOptions::shared_as) and come while one is being made get
/// the next one together: never a page that is older than their request, and never more than one
/// thread and two pages for all of them, however many they are.
///
/// Threads: the caller locks, but for make().
class ServerPages {
 public:
  /// Numbers of the loop's.
  using Connections = std::vector<std::uint64_t>;
  struct Job {
    std::string key;  // empty: not shared
    ServerRequest request;
    Connections connections;
  };
  /// Called on a thread of those that take long, without a lock.
  using LongMade = std::function<void(const Job&, const RenderedReply&)>;

  ServerPages(const ServerOptions& options, ServerHandler handler, LongMade long_made);
  ServerPages(const ServerPages&) = delete;
  ServerPages& operator=(const ServerPages&) = delete;
  /// Waits for long pages that are being made.
  ~ServerPages() = default;

  /// False when it takes long and as many of that kind wait as may.
  [[nodiscard]] bool ask_for(std::uint64_t connection, ServerRequest request);
  /// Of those that do not take long.
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] Job take();
  /// Any thread, without the lock.
  [[nodiscard]] RenderedReply make(const Job& job) const noexcept;
  /// To be called when a page is made: those who have asked for it meanwhile get the next one.
  /// False when there is no thread for that; `refused` are those.
  [[nodiscard]] bool finish(const Job& job, Connections& refused);
  /// Asked for and not finished.
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  /// Who asked for a page while it was being made.
  struct Next {
    ServerRequest request;
    Connections connections;
  };

  [[nodiscard]] std::string key_of(const ServerRequest& request) const;
  [[nodiscard]] bool submit(Job job);

  const ServerOptions options_;
  const ServerHandler handler_;
  const LongMade long_made_;
  std::deque<Job> waiting_;
  std::unordered_map<std::string, Next> shared_;  // by key, while one is being made
  std::size_t under_way_ = 0;
  WorkerThreads long_workers_;  // last: it has ended before what its tasks use goes
};

}  // namespace heapwatch::net
