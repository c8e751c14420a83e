#define MEMTRACK_ALLOW_RAW  // the arrays of pprof::Profile grow through realloc, which moves pages
#include "exporters/pyroscope/collector.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "base/counted.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory_reserve.h"
#include "base/printable.h"
#include "pprof/encode.h"
#include "pprof/go_heap.h"
#include "pprof/gunzip.h"
#include "pprof/parse.h"

namespace heapwatch::exporters::pyroscope {

namespace {

using base::LogLevel;
using std::chrono::milliseconds;

/// What programs there are is asked so often, or ten times in an interval.
constexpr milliseconds between_lists{5'000};
/// Pages that are asked at once.
constexpr std::size_t transfers_max = 8;

base::Result<std::optional<Heap>> heap_of_page(const net::HttpResult& result) {
  if (!result) {
    return tl::unexpected(result.error());
  }
  constexpr int success = 200;
  if (result->status != success) {
    return base::fail(base::ErrorKind::refused, "it answers " + net::status_text(result->status));
  }
  auto profile = pprof::parse_profile(result->body, {.bytes_max = Collector::profile_bytes_max});
  if (!profile) {
    return base::fail(profile.error().kind,
                      "its answer is no profile: " + base::printable(profile.error().message));
  }
  const auto state = pprof::go_heap_state(*profile);
  if (!state) {
    return base::fail(base::ErrorKind::invalid, "its answer is no heap profile of a Go program");
  }
  return std::optional<Heap>({.state = state->fingerprint,
                              .profile = [held = std::make_shared<pprof::Profile>(
                                              *std::move(profile))] { return std::move(*held); }});
}

}  // namespace

base::Result<std::unique_ptr<Collector>> Collector::start(Options options) {
  auto collector = std::unique_ptr<Collector>(new Collector(std::move(options)));
  auto loop = net::EventLoop::create({.transfers_max = transfers_max,
                                      .idle_connections_max = transfers_max,
                                      .idle_handles_max = transfers_max});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  collector->loop_ = std::move(*loop);
  collector->loop_->post([self = collector.get()] { self->take_in(); });
  collector->thread_ =
      std::thread([loop_of = collector->loop_.get()]() noexcept { loop_of->run(); });
  return collector;
}

Collector::~Collector() {
  if (thread_.joinable()) {
    loop_->stop();
    thread_.join();
  }
}

CollectorFigures Collector::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Collector::count(std::uint64_t CollectorFigures::*what) {
  const std::lock_guard lock(mutex_);
  ++(figures_.*what);
}

/// The programs that there are now: of those that stay all goes on.
void Collector::take_in() {
  (void)loop_->at(
      std::chrono::steady_clock::now() + std::min(between_lists, options_.interval / 10),
      [this] { take_in(); });
  std::vector<Program> programs = options_.programs();
  if (programs.size() > programs_max && !are_too_many_) {
    base::log(LogLevel::warn, "pyroscope: of " + base::counted(programs.size(), "program") +
                                  " the profiles of " + std::to_string(programs_max) + " are sent");
  }
  are_too_many_ = programs.size() > programs_max;
  programs.resize(std::min(programs.size(), programs_max));
  auto before = std::exchange(watched_, {});
  for (Program& program : programs) {
    const auto known = before.find(program.id);
    const bool is_new = known == before.end();
    WatchedPtr watched = is_new ? std::make_shared<Watched>() : known->second;
    watched->program = std::move(program);
    if (watched_.emplace(watched->program.id, watched).second && is_new) {
      wait_for_turn(watched);
    }
  }
  kept_bytes_ = 0;
  for (const auto& [id, watched] : watched_) {
    kept_bytes_ += watched->changes.bytes();
  }
  {
    const std::lock_guard lock(mutex_);
    figures_.programs = watched_.size();
  }
}

/// The next moment that is the program's own: all are spread over the interval, and the same after
/// a restart.
void Collector::wait_for_turn(const WatchedPtr& watched) {
  const base::Instant now = options_.clock();
  const auto since =
      std::chrono::floor<milliseconds>(now.wall.time_since_epoch()) % options_.interval;
  const milliseconds phase{static_cast<std::int64_t>(
      base::fnv1a(watched->program.id) % static_cast<std::uint64_t>(options_.interval.count()))};
  milliseconds wait = phase > since ? phase - since : phase - since + options_.interval;
  if (wait < options_.interval / 10) {
    wait += options_.interval;  // its turn is now: the two clocks do not go quite alike
  }
  (void)loop_->at(now.steady + wait, [this, weak = std::weak_ptr<Watched>(watched)] {
    if (const WatchedPtr one = weak.lock()) {
      wait_for_turn(one);
      look_at(one);
    }
  });
}

void Collector::look_at(const WatchedPtr& watched) {
  if (watched->is_asked) {
    return;
  }
  if (!watched->program.page) {
    take(*watched, watched->program.take);
    return;
  }
  watched->is_asked = true;
  loop_->fetch(watched->program.page,
               [this, weak = std::weak_ptr<Watched>(watched)](const net::HttpResult& result) {
                 if (const WatchedPtr one = weak.lock()) {
                   one->is_asked = false;
                   take(*one, [&result] { return heap_of_page(result); });
                 }
               });
}

/// Whatever a profile does costs that profile alone.
void Collector::take(Watched& watched, const Take& wanted) {
  try {
    if (auto taken = take_or_fail(watched, wanted); !taken) {
      failed(watched, taken.error().message);
    }
  } catch (const std::bad_alloc&) {
    base::refill_memory_reserve();
    failed(watched, "there was no memory for its profile");
  } catch (const std::exception& error) {
    failed(watched, error.what());
  }
}

base::Result<void> Collector::take_or_fail(Watched& watched, const Take& wanted) {
  const auto heap = wanted();
  if (!heap) {
    return tl::unexpected(heap.error());
  }
  if (!*heap) {
    return {};
  }
  if (!watched.changes.is_due((*heap)->state, options_.clock().steady)) {
    count(&CollectorFigures::unchanged);
  } else if (auto sent = send(watched, **heap); !sent) {
    return sent;
  }
  if (std::exchange(watched.is_failing, false)) {
    base::log(LogLevel::info, "pyroscope: the profiles of " +
                                  base::printable(watched.program.service) + " are there again");
  }
  return {};
}

base::Result<void> Collector::send(Watched& watched, const Heap& heap) {
  const base::Instant now = options_.clock();
  const std::size_t others = kept_bytes_ - watched.changes.bytes();
  auto profile = watched.changes.take(heap.profile(), heap.state, now.steady,
                                      kept_bytes_max - std::min(others, kept_bytes_max));
  kept_bytes_ = others + watched.changes.bytes();
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  if (!*profile) {
    count(&CollectorFigures::unchanged);  // it has nothing, as before
    return {};
  }
  using Nanoseconds = std::chrono::nanoseconds;
  (*profile)->time_nanos =
      std::chrono::duration_cast<Nanoseconds>(now.wall.time_since_epoch()).count();
  const std::string plain = pprof::encode_proto(**profile);
  const bool is_first = watched.sent == std::chrono::system_clock::time_point{};
  options_.send({.service = watched.program.service,
                 .spy = watched.program.spy,
                 .labels = prometheus::labels_of(
                     metrics::TagsAndHost(watched.program.tags, std::nullopt), {}),
                 .from = is_first ? now.wall - options_.interval : watched.sent,
                 .until = now.wall,
                 .profile = pprof::gzip(plain)});
  watched.sent = now.wall;
  count(&CollectorFigures::sent);
  return {};
}

/// Told once, until it goes well again.
void Collector::failed(Watched& watched, const std::string& why) {
  count(&CollectorFigures::failed);
  if (!std::exchange(watched.is_failing, true)) {
    base::log(LogLevel::warn,
              "pyroscope: no profile of " + base::printable(watched.program.service) + ": " + why);
  }
}

}  // namespace heapwatch::exporters::pyroscope
