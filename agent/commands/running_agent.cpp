#include "agent/commands/running_agent.h"

#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/access/web_access.h"
#include "agent/commands/check_readings.h"
#include "agent/pages/own_pages.h"
#include "agent/pages/python_vars.h"
#include "agent/profiles/programs.h"
#include "agent/web/site.h"
#include "agent/wiring/exporter_options.h"
#include "agent/wiring/secret_pages.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/memory_reserve.h"
#include "base/resident_memory.h"
#include "check/registry.h"
#include "config/web_config.h"
#include "net/routes.h"

namespace heapwatch::agent::commands {

namespace {

using base::LogLevel;

/// How long a blocking check may go on after the agent was told to stop.
constexpr std::chrono::milliseconds stop_patience{1000};
/// How long a reading of the configuration may; a program of secrets is ended at once.
constexpr std::chrono::milliseconds read_patience{500};
/// How long the last packets may take then.
constexpr std::chrono::milliseconds drain_patience{500};
constexpr std::chrono::microseconds pulse_interval{1'000'000};
/// For how long memory is given back at a time.
constexpr std::chrono::milliseconds tidy_slice{5};

/// As many descriptors as the system gives us, and a quarter of them for exchanges at once: targets
/// that hang must not be enough to fill the line.
std::size_t transfers_max() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return net::EventLoopOptions{}.transfers_max;
  }
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 64, 4096);
}

/// The page, or the answer that there is no memory for one.
template <typename Render>
net::ServerReply within_memory(const Render& render) {
  net::ServerReply reply;
  if (!base::within_memory([&] { reply = render(); })) {
    base::log(LogLevel::error, "there was no memory for a page");
    reply = net::text_reply(503, "there is no memory for this page");
  }
  return reply;
}

base::Result<std::unique_ptr<net::HttpServer>> serve(
    std::string listen, net::Routes pages, std::shared_ptr<const net::ServerAccess> access) {
  const net::ServerOptions options = pages.options(std::move(listen));
  return net::HttpServer::start(
      options,
      [pages = std::move(pages)](const net::ServerRequest& request) {
        return within_memory([&] { return pages.answer(request); });
      },
      {.access = std::move(access), .tells_secrets = [](const net::ServerRequest& request) {
         return wiring::is_secret_page(request.path);
       }});
}

/// Measuring it takes longer than the rest of the page, and many clients may poll that.
constexpr std::chrono::milliseconds own_usage_age_max{100};

}  // namespace

base::Result<void> Agent::start(process::SignalWatch& signals) {
  auto loop = net::EventLoop::create({.transfers_max = transfers_max()});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  loop_ = std::move(*loop);
  signals_ = &signals;
  if (auto started = exporters_.start(
          configured_.agent, [this] { return pages::own_metrics(own_figures()); },
          profiles::programs);
      !started) {
    return started;
  }
  scheduler_ = std::make_unique<check::schedule::Scheduler>(
      *loop_, wiring::scheduler_options(configured_.agent),
      [this](const metrics::Snapshot& snapshot) {
        keep_in_history(snapshot);
        exporters_.publish(snapshot);
      },
      [this](const metrics::Snapshot& snapshot) {
        keep_in_history(snapshot);
        return exporters_.publish_slices(snapshot);
      });
  watch_configuration();
  pulse_ = std::make_unique<pages::Pulse>(
      *loop_, std::min(pulse_interval, service_.watchdog().value_or(pulse_interval)), [this] {
        base::refill_memory_reserve();
        if (service_.watchdog()) {
          service_.alive();
        }
        watch_checks();
        if (history_) {
          history_->take();
        }
        tidy();
      });
  if (configured_.agent.history.enabled) {
    history_ = web::AgentHistory::start(
        configured_.agent,
        {.readings = [this] { return check_readings(scheduler_->by_check(), memory_of_checks()); },
         .verdicts = [this] { return check_verdicts(check_verdicts_.all()); },
         .version = HEAPWATCH_VERSION});
  }
  measure_python_memory();
  return start_pages();
}

/// Files that change, and checks that come and go with them.
void Agent::watch_configuration() {
  const auto forget_in_history = [this](const metrics::Instance& instance) {
    if (history_) {
      history_->forget(instance);
    }
  };
  reloader_ = std::make_unique<wiring::Reloader>(
      wiring::Reloader::Parts{.loop = *loop_,
                              .scheduler = *scheduler_,
                              .service = service_,
                              .forget =
                                  [this, forget_in_history](const metrics::Instance& instance) {
                                    exporters_.forget(instance);
                                    forget_in_history(instance);
                                  },
                              .hand_over =
                                  [this, forget_in_history](const metrics::Instance& instance) {
                                    exporters_.hand_over(instance);
                                    forget_in_history(instance);
                                  },
                              .applied =
                                  [this] {
                                    measure_python_memory();
                                    if (auto read = read_access(); !read) {
                                      base::log(LogLevel::error,
                                                "who may reach the pages stays as it was: " +
                                                    read.error().message);
                                    }
                                  },
                              .changed = [this] { measure_python_memory(); }},
      global_, configured_);
  if (configured_.agent.watch_config) {
    reloader_->watch_files();
  }
}

/// Once there is a Python interpreter, which the first Python check brings.
void Agent::measure_python_memory() {
  const config::AgentConfig& agent = configured_.agent;
  if (agent.python_memory && !python_memory_measured_ && wiring::python_loader().report().running) {
    python_memory_measured_ = true;
    scheduler_->add(
        pages::python_memory_check(wiring::python_loader(), agent.min_collection_interval));
  }
}

/// web.config_file, which may have changed, and the certificates that it names.
base::Result<void> Agent::read_access() {
  const std::filesystem::path file = config::web_config_file(configured_.agent);
  if (file.empty()) {
    return {};
  }
  auto rules = access::load_access(file);
  if (!rules) {
    return tl::unexpected(rules.error());
  }
  if (access_) {
    access_->replace(std::move(*rules));
  } else {
    access_ = std::make_shared<net::ServerAccess>(std::move(*rules));
  }
  return {};
}

/// The agent's own pages come last: who finds them finds all others.
base::Result<void> Agent::start_pages() {
  if (auto read = read_access(); !read) {
    return read;
  }
  if (auto started = start_exporter_pages(); !started) {
    return started;
  }
  const config::AgentConfig& agent = configured_.agent;
  if (agent.expvar_port == 0) {
    return {};
  }
  auto server =
      serve(agent.expvar_host + ":" + std::to_string(agent.expvar_port),
            pages::own_pages(
                {.report = [this] { return report(); },
                 .heap = heap_pages_,
                 .memory = memory_page_,
                 .http_sd = {.in_force = [this] { return reloader_->in_force(); },
                             .discovered = [this] { return reloader_->discovered().targets(); }},
                 .web = history_ ? history_->routes() : web::site_routes()}),
            access_);
  if (!server) {
    return tl::unexpected(server.error());
  }
  servers_.push_back(std::move(*server));
  return {};
}

base::Result<void> Agent::start_exporter_pages() {
  const config::AgentConfig& agent = configured_.agent;
  for (wiring::Exporters::Served& served : exporters_.served()) {
    const std::string first = served.pages.front().path;
    if (agent.prometheus.probe && served.address == agent.prometheus.listen) {
      probe_ = std::make_unique<pages::Probe>([this] { return reloader_->in_force(); });
      served.pages.push_back(pages::probe_route(*probe_));
    }
    auto server = serve(served.address, net::Routes(std::move(served.pages)), access_);
    if (!server) {
      return tl::unexpected(server.error());
    }
    servers_.push_back(std::move(*server));
    base::log(LogLevel::info, served.name + " metrics at http://" + served.address + first);
  }
  return {};
}

bool Agent::run() {
  const std::string instances = base::counted(scheduler_->totals().instances, "check instance");
  base::log(LogLevel::info, "heapwatch " HEAPWATCH_VERSION " runs " + instances + " from " +
                                configured_.agent.confd_path.string());
  (void)base::release_unused_memory();
  pulse_->begin();
  service_.ready("watching " + instances);
  signals_->answer({.reload =
                        [this] {
                          loop_->post([this] {
                            base::log(LogLevel::info, "SIGHUP: reading the configuration again");
                            reloader_->request(true);
                          });
                        },
                    .stop = [this] { loop_->stop(); }});
  loop_->run();
  signals_->answer_no_more();
  service_.stopping();
  heap_pages_.stop();
  servers_.clear();
  const bool read = reloader_->stop(read_patience);
  const bool ended = scheduler_->stop(stop_patience) && read;
  exporters_.drain(drain_patience);
  base::log(LogLevel::info, "heapwatch stopped");
  return ended;
}

/// What their runs leave behind.
void Agent::watch_checks() {
  const auto now = std::chrono::steady_clock::now();
  if (!check_verdicts_.is_due(now)) {
    return;
  }
  check_verdicts_.take(now, memory_of_checks());
}

std::vector<pages::CheckMemory> Agent::memory_of_checks() const {
  std::map<std::string, std::uint64_t> runs;
  for (const auto& [check, totals] : scheduler_->by_check()) {
    runs.emplace(check, totals.runs);
  }
  runs.erase(pages::python_memory_check_name);
  return pages::memory_of_checks(runs, check::check_names(),
                                 wiring::python_loader().report().host.memory.inuse_bytes);
}

void Agent::keep_in_history(const metrics::Snapshot& snapshot) {
  if (history_) {
    history_->run_ended(snapshot);
  }
}

/// In slices, as long as there is something to do.
void Agent::tidy() {
  if (exporters_.tidy(tidy_slice)) {
    loop_->post([this] { tidy(); });
  }
}

pages::OwnFigures Agent::own_figures() const {
  return {.scheduler = scheduler_->totals(),
          .by_check = scheduler_->by_check(),
          .transfers_running = pulse_->transfers_running(),
          .transfers_waiting = pulse_->transfers_waiting(),
          .lag = pulse_->lag(),
          .lag_max = pulse_->lag_max(),
          .log_lines_lost = base::log_lines_lost(),
          .reload = reloader_->state(),
          .discovery = reloader_->discovered().states(),
          .exporters = exporters_.states(),
          .check_verdicts = check_verdicts_.all(),
          .history = history_ ? std::optional(history_->status()) : std::nullopt};
}

pages::SelfReport Agent::report() const {
  const config::AgentConfig& agent = configured_.agent;
  std::error_code unreadable;
  return {
      .now = base::now(),
      .process = base::recent_process_usage(own_usage_age_max),
      .own = own_figures(),
      .instances = scheduler_->stats(),
      .config_file = std::filesystem::exists(wiring::config_file(global_), unreadable)
                         ? wiring::config_file(global_).string()
                         : std::string{},
      .confd_path = agent.confd_path.string(),
      .log_level = base::log_level(),
      .python = wiring::python_report(),
  };
}

}  // namespace heapwatch::agent::commands
