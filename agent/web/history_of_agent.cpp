#include "agent/web/history_of_agent.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "agent/web/current.h"
#include "agent/web/site.h"
#include "base/log.h"

namespace heapwatch::agent::web {

std::filesystem::path history_path(const config::AgentConfig& agent) {
  return agent.history.path.empty() ? agent.run_path / "history.db" : agent.history.path;
}

std::unique_ptr<AgentHistory> AgentHistory::start(const config::AgentConfig& agent,
                                                  ChecksNow checks) {
  history::Recorder::Options options;
  options.path = history_path(agent);
  options.limits = {.file_max = agent.history.max_size,
                    .life_max = agent.history.max_size_per_process};
  options.every = agent.history.interval;
  options.log = [](const std::string& sentence) { base::log(base::LogLevel::warn, sentence); };
  options.clock = now_ms;
  // Its folder, and not those above: a path that is mistyped is an error.
  std::error_code failed;
  std::filesystem::create_directory(options.path.parent_path(), failed);
  return std::unique_ptr<AgentHistory>(new AgentHistory(std::move(options), std::move(checks)));
}

AgentHistory::AgentHistory(history::Recorder::Options options, ChecksNow checks)
    : every_ms_(options.every.count()),
      checks_(std::move(checks)),
      recorder_(std::move(options)),
      feed_({.recorder = recorder_,
             .sightings = check::memory_sightings(),
             .verdicts = check::memory_verdicts,
             .clock = now_ms,
             .boot = this_boot()}),
      runs_({.recorder = recorder_,
             .clock = now_ms,
             .process = identity_of(this_boot(), ::getpid()),
             .began = now_ms()}),
      watches_(Watches::Options{}),
      api_({.history = recorder_.path(),
            .verdicts = current_verdicts,
            .check_verdicts = checks_.verdicts,
            .clock = now_ms,
            .trouble = [this] { return recorder_.status().trouble; },
            .watches = &watches_,
            .version = checks_.version}) {
  check::memory_sightings().want_profiles(true);
}

AgentHistory::~AgentHistory() {
  check::memory_sightings().want_profiles(false);
}

void AgentHistory::take() {
  const std::int64_t now = now_ms();
  if (now >= taken_at_ && now - taken_at_ < every_ms_) {
    return;
  }
  taken_at_ = now;
  feed_.take();
  runs_.record(checks_.readings());
}

std::vector<net::Route> AgentHistory::routes() {
  std::vector<net::Route> routes = site_routes();
  for (net::Route& route : api_.routes()) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace heapwatch::agent::web
