#include "agent/web/history_of_agent.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "agent/web/site.h"
#include "base/log.h"
#include "leak/judge.h"

namespace heapwatch::agent::web {

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<Verdict> current_verdicts() {
  std::vector<Verdict> verdicts;
  for (const check::memory::ProcessVerdict& verdict : check::memory_verdicts()) {
    verdicts.push_back({.pid = verdict.pid,
                        .verdict = std::string(leak::name_of(verdict.verdict)),
                        .confidence = std::string(leak::name_of(verdict.confidence)),
                        .sentence = verdict.sentence,
                        .next = verdict.next});
  }
  return verdicts;
}

}  // namespace

std::unique_ptr<AgentHistory> AgentHistory::start(const config::AgentConfig& agent) {
  history::Recorder::Options options;
  options.path = agent.history.path.empty() ? agent.run_path / "history.db" : agent.history.path;
  options.limits = {.file_max = agent.history.max_size,
                    .life_max = agent.history.max_size_per_process};
  options.every = agent.history.interval;
  options.log = [](const std::string& sentence) { base::log(base::LogLevel::warn, sentence); };
  options.clock = now_ms;
  // Its folder, and not those above: a path that is mistyped is an error.
  std::error_code failed;
  std::filesystem::create_directory(options.path.parent_path(), failed);
  return std::unique_ptr<AgentHistory>(new AgentHistory(std::move(options)));
}

AgentHistory::AgentHistory(history::Recorder::Options options)
    : every_ms_(options.every.count()),
      recorder_(std::move(options)),
      feed_({.recorder = recorder_,
             .sightings = check::memory_sightings(),
             .verdicts = check::memory_verdicts,
             .clock = now_ms,
             .boot = this_boot()}),
      api_({.history = recorder_.path(),
            .verdicts = current_verdicts,
            .clock = now_ms,
            .trouble = [this] { return recorder_.status().trouble; }}) {
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
}

std::vector<net::Route> AgentHistory::routes() {
  std::vector<net::Route> routes = site_routes();
  for (net::Route& route : api_.routes()) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace heapwatch::agent::web
