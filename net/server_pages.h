// The pages of a server in the making: workers make them, the loop sends them.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
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
/// worker and two pages for all of them, however many they are.
///
/// Threads: the loop's, but for what workers do inside.
class ServerPages {
 public:
  /// Of whom a page is for; the loop's numbers.
  using Connections = std::vector<std::uint64_t>;
  struct Made {
    Connections connections;
    RenderedReply reply;
  };

  /// `waiting_max`: quick requests that wait for a thread. `wake` is called when take_made() has
  /// something new.
  ServerPages(const ServerOptions& options, ServerHandler handler, std::size_t waiting_max,
              std::function<void()> wake);
  ServerPages(const ServerPages&) = delete;
  ServerPages& operator=(const ServerPages&) = delete;
  /// Waits for pages that are being made.
  ~ServerPages() = default;

  /// False when as many requests wait as may.
  [[nodiscard]] bool ask_for(std::uint64_t connection, ServerRequest request);
  [[nodiscard]] std::vector<Made> take_made();

 private:
  struct Job {
    std::string key;  // empty: not shared
    ServerRequest request;
    Connections connections;
  };
  /// Who asked for a page while it was being made.
  struct Next {
    ServerRequest request;
    Connections connections;
  };

  [[nodiscard]] std::string key_of(const ServerRequest& request) const;
  [[nodiscard]] bool submit(Job job);
  void make(Job& job) noexcept;

  const ServerOptions options_;
  const ServerHandler handler_;
  const std::function<void()> wake_;
  std::unordered_map<std::string, Next> shared_;  // by key, while one is being made

  std::mutex mutex_;
  std::vector<std::pair<std::string, Made>> made_;  // with its key; under mutex_

  // Last, so that they have ended before what their tasks use goes.
  WorkerThreads workers_;
  WorkerThreads long_workers_;
};

}  // namespace heapwatch::net
