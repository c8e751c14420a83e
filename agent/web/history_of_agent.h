// The history that the agent keeps, and what it serves of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/web/api.h"
#include "agent/web/feed.h"
#include "agent/web/run_feed.h"
#include "agent/web/watches.h"
#include "config/agent_config.h"
#include "history/recorder.h"
#include "net/routes.h"

namespace heapwatch::agent::web {

/// What is known of the checks now.
struct ChecksNow {
  std::function<std::vector<CheckReading>()> readings;  // called where take() is
  std::function<std::vector<CheckVerdict>()> verdicts;  // called by any thread
  std::string version;                                  // of heapwatch
};

/// Where the history is, as configured.
[[nodiscard]] std::filesystem::path history_path(const config::AgentConfig& agent);

/// Threads: take(), run_ended() and forget() on one; what routes() serves on any.
class AgentHistory {
 public:
  /// A file that cannot be written stops the history and nothing else: it is told and tried again.
  [[nodiscard]] static std::unique_ptr<AgentHistory> start(const config::AgentConfig& agent,
                                                           ChecksNow checks);
  AgentHistory(const AgentHistory&) = delete;
  AgentHistory& operator=(const AgentHistory&) = delete;
  ~AgentHistory();

  /// To be called often: every `history.interval` it records what was seen.
  void take();
  /// After each run of an instance, and when there is none any more.
  void run_ended(const metrics::Snapshot& snapshot) { runs_.take(snapshot); }
  void forget(const metrics::Instance& instance) { runs_.forget(instance); }
  /// The live page and its API. This object must outlive whoever serves them.
  [[nodiscard]] std::vector<net::Route> routes();
  [[nodiscard]] history::Recorder::Status status() const { return recorder_.status(); }

 private:
  AgentHistory(history::Recorder::Options options, ChecksNow checks);

  std::int64_t every_ms_;
  ChecksNow checks_;
  history::Recorder recorder_;
  Feed feed_;
  RunFeed runs_;
  Watches watches_;
  Api api_;
  std::int64_t taken_at_ = 0;
};

}  // namespace heapwatch::agent::web
