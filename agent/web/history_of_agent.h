// The history that the agent keeps, and what it serves of it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/web/api.h"
#include "agent/web/feed.h"
#include "config/agent_config.h"
#include "history/recorder.h"
#include "net/routes.h"

namespace heapwatch::agent::web {

/// Threads: take() on one; what routes() serves on any.
class AgentHistory {
 public:
  /// A file that cannot be written stops the history and nothing else: it is told and tried again.
  [[nodiscard]] static std::unique_ptr<AgentHistory> start(const config::AgentConfig& agent);
  AgentHistory(const AgentHistory&) = delete;
  AgentHistory& operator=(const AgentHistory&) = delete;
  ~AgentHistory();

  /// To be called often: every `history.interval` it records what was seen.
  void take();
  /// The live page and its API. This object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();
  [[nodiscard]] history::Recorder::Status status() const { return recorder_.status(); }

 private:
  explicit AgentHistory(history::Recorder::Options options);

  std::int64_t every_ms_;
  history::Recorder recorder_;
  Feed feed_;
  Api api_;
  std::int64_t taken_at_ = 0;
};

}  // namespace heapwatch::agent::web
