#include "agent/wiring/reloader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/counted.h"
#include "base/log.h"
#include "base/resident_memory.h"

namespace heapwatch::agent::wiring {

namespace {

using base::LogLevel;

/// An editor and a deployment touch several files: it is read when all is quiet, and at the latest
/// after the second time.
constexpr std::chrono::milliseconds quiet{300};
constexpr std::chrono::seconds unquiet_max{3};

void log_diagnostics(const std::vector<config::Diagnostic>& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics) {
    base::log(diagnostic.severity == config::Diagnostic::Severity::error ? LogLevel::error
                                                                         : LogLevel::warn,
              config::to_text(diagnostic));
  }
}

}  // namespace

Reloader::Reloader(Parts parts, GlobalOptions options, Configured& configured)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      discovered_({.loop = parts_.loop,
                   .scheduler = parts_.scheduler,
                   .is_taken = [this](std::string_view id) { return running_.contains(id); },
                   .forget = parts_.forget,
                   .hand_over = parts_.hand_over,
                   .changed =
                       [this] {
                         tell_ready();
                         parts_.applied();
                       }}) {
  auto in_force = std::make_shared<InForce>();
  in_force->agent = configured.agent;
  in_force->started = std::make_shared<const config::Value>(configured.agent.settings);
  in_force->checks = std::exchange(configured.confd.checks, {});
  in_force_ = std::move(in_force);
  state_.diagnostics = configured.diagnostics.all();
  state_.errors = configured.diagnostics.error_count();
  state_.last = std::chrono::system_clock::now();
  for (auto& check : configured.checks) {
    start(std::move(check));
  }
  configured.checks.clear();
  for (const std::string& sentence :
       discovered_.set(std::exchange(configured.templates, {}), configured.agent,
                       {.all_anew = false, .is_whole = !configured.diagnostics.has_errors()})) {
    base::log(LogLevel::info, sentence);
  }
}

Reloader::~Reloader() {
  if (reading_.joinable()) {
    reading_.join();
  }
}

void Reloader::start(std::unique_ptr<check::ConfiguredCheck> check) {
  discovered_.give_way(check->instance->id);
  running_.erase(check->instance->id);  // a key goes with its instance
  running_[check->instance->id] = {.instance = check->instance, .fingerprint = check->fingerprint};
  parts_.scheduler.add(std::move(check));
}

void Reloader::watch_files() {
  auto watch = ConfigWatch::create();
  if (!watch) {
    base::log(LogLevel::warn,
              watch.error().message + "; changes of the configuration take a SIGHUP to be noticed");
    return;
  }
  watch_.emplace(*std::move(watch));
  look_after_files();
  parts_.loop.watch(watch_->descriptor(), [this] { files_changed(); });
}

void Reloader::look_after_files() {
  if (!watch_) {
    return;
  }
  const auto watched = watch_->watch(in_force()->agent.confd_path, config_file(options_));
  if (!watched && !std::exchange(watch_refused_, true)) {
    base::log(LogLevel::warn,
              watched.error().message + "; changes of some files take a SIGHUP to be noticed");
  }
}

void Reloader::files_changed() {
  if (!watch_->read_events()) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (settling_) {
    parts_.loop.cancel(*settling_);
  } else {
    unsettled_since_ = now;
  }
  settling_ = parts_.loop.at(std::min(now + quiet, unsettled_since_ + unquiet_max), [this] {
    settling_.reset();
    request(false);
  });
}

void Reloader::request(bool asked_for) {
  asked_for_ = asked_for_ || asked_for;
  if (busy_) {
    again_ = true;
  } else {
    begin();
  }
}

void Reloader::begin() {
  busy_ = true;
  if (reading_.joinable()) {
    reading_.join();
  }
  look_after_files();  // before reading: what changes from here on is noticed
  parts_.service.reloading();
  has_read_ = false;
  reading_ = std::thread([this, old = in_force(), running = running_]() noexcept {
    auto reload = std::make_shared<Reload>(plan_reload(options_, *old, running));
    parts_.loop.post([this, reload] { finish(std::move(*reload)); });
    has_read_ = true;
  });
}

void Reloader::finish(Reload reload) {
  std::vector<std::string> told =
      discovered_.set(std::exchange(reload.templates, {}), reload.in_force.agent,
                      {.all_anew = reload.all_anew, .is_whole = !reload.diagnostics.has_errors()});
  reload.templates_changed = !told.empty();
  std::move(told.begin(), told.end(), std::back_inserter(reload.told));
  note(reload);
  for (const std::string& id : reload.stop) {
    parts_.scheduler.remove(id);
    if (const auto found = running_.find(id); found != running_.end()) {
      parts_.forget(*found->second.instance);
      running_.erase(found);
    }
  }
  for (auto& check : reload.start) {
    start(std::move(check));
  }
  discovered_.take_back();
  {
    const std::lock_guard lock(mutex_);
    in_force_ = std::make_shared<const InForce>(std::move(reload.in_force));
  }
  parts_.applied();
  look_after_files();
  tell_ready();
  (void)base::release_unused_memory();
  busy_ = false;
  if (std::exchange(again_, false)) {
    begin();
  }
}

void Reloader::tell_ready() const {
  parts_.service.ready("watching " +
                       base::counted(running_.size() + discovered_.instances(), "check instance"));
}

void Reloader::note(const Reload& reload) {
  const auto& diagnostics = reload.diagnostics.all();
  const std::size_t errors = reload.diagnostics.error_count();
  const bool quiet_one = reload.changes_nothing() && errors == 0 && reload.told.empty();
  if (!quiet_one) {
    log_diagnostics(diagnostics);
  }
  for (const std::string& sentence : reload.told) {
    base::log(errors > 0 && sentence.find("has an error") != std::string::npos ? LogLevel::error
                                                                               : LogLevel::info,
              "reload: " + sentence);
  }
  const std::string unchanged =
      base::counted(reload.unchanged, "instance goes on as it was", "instances go on as they were");
  base::log(quiet_one && !asked_for_ ? LogLevel::debug : LogLevel::info,
            reload.changes_nothing() ? "reload: no instance changed; " + unchanged
                                     : "reload: done; " + unchanged);
  asked_for_ = false;
  const std::lock_guard lock(mutex_);
  ++(errors > 0                 ? state_.with_errors
     : reload.changes_nothing() ? state_.unchanged
                                : state_.applied);
  state_.last = std::chrono::system_clock::now();
  state_.diagnostics = diagnostics;
  state_.errors = errors;
}

bool Reloader::stop(std::chrono::milliseconds patience) {
  if (watch_) {
    parts_.loop.unwatch(watch_->descriptor());
  }
  constexpr std::chrono::milliseconds pause{5};
  const bool has_looked = discovered_.stop(patience);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!has_read_ && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(pause);
  }
  return has_read_ && has_looked;
}

std::shared_ptr<const InForce> Reloader::in_force() const {
  const std::lock_guard lock(mutex_);
  return in_force_;
}

ReloadState Reloader::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace heapwatch::agent::wiring
