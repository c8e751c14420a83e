// `heapwatch run`: the loop, the scheduler, the exporters and the pages, wired together.
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "agent/commands/commands.h"
#include "agent/pages/native_pages.h"
#include "agent/pages/own_metrics.h"
#include "agent/pages/probe.h"
#include "agent/pages/pulse.h"
#include "agent/pages/python_vars.h"
#include "agent/pages/self_report.h"
#include "agent/process/held_signals.h"
#include "agent/process/service_manager.h"
#include "agent/process/signal_watch.h"
#include "agent/wiring/exporter_options.h"
#include "agent/wiring/reloader.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/memory_reserve.h"
#include "base/owned_descriptors.h"
#include "base/printable.h"
#include "base/remembered.h"
#include "base/resident_memory.h"
#include "check/children/fork.h"
#include "check/schedule/scheduler.h"
#include "config/secrets.h"
#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "exporters/prometheus/exporter.h"
#include "net/event_loop.h"
#include "net/http_server.h"

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
/// How long the last lines of the log may take when nothing else is waited for.
constexpr std::chrono::milliseconds log_patience{100};

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
    reply = {.status = 503, .body = "there is no memory for this page\n"};
  }
  return reply;
}

net::ServerReply not_found(std::string_view known) {
  return {.status = 404, .body = "not found; pages here: " + std::string(known) + "\n"};
}

/// How long the agent may take to end after it was told to stop.
constexpr std::chrono::milliseconds end_patience{1800};
/// With more series than this the process leaves giving back its memory to the system.
constexpr std::size_t freed_series_max = 50'000;

process::SignalWatch* signal_watch = nullptr;  // set before anybody asks

bool told_to_stop() {
  return signal_watch != nullptr && signal_watch->is_told_to_stop();
}

class Agent {
 public:
  Agent(wiring::Configured configured, const wiring::GlobalOptions& global)
      : configured_(std::move(configured)), global_(global) {}

  /// Everything that can fail, before anything runs.
  base::Result<void> start(process::SignalWatch& signals);
  /// Until a signal says stop. False when a check did not end in time.
  bool run();
  [[nodiscard]] std::size_t series() const { return scheduler_->totals().contexts; }

 private:
  base::Result<void> start_exporters();
  base::Result<void> start_pages();
  void measure_python_memory();
  void publish(const metrics::Snapshot& snapshot);
  [[nodiscard]] check::schedule::Scheduler::Slice publish_slices(const metrics::Snapshot& snapshot);
  void forget(const metrics::Instance& instance);
  void tidy();
  [[nodiscard]] pages::OwnFigures own_figures() const;
  [[nodiscard]] pages::SelfReport report() const;
  [[nodiscard]] net::ServerReply own_page(const net::ServerRequest& request);
  [[nodiscard]] net::ServerReply metrics_page(const net::ServerRequest& request) const;

  wiring::Configured configured_;  // as it was at the start
  wiring::GlobalOptions global_;
  process::ServiceManager service_;
  process::SignalWatch* signals_ = nullptr;
  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<exporters::dogstatsd::DogStatsdExporter> dogstatsd_;
  std::unique_ptr<exporters::prometheus::PrometheusExporter> prometheus_;
  std::vector<exporters::Exporter*> exporters_;
  std::unique_ptr<check::schedule::Scheduler> scheduler_;
  bool python_memory_measured_ = false;
  pages::HeapPages heap_pages_{
      [](const net::ServerRequest&) { return memory::native::own_native_heap(); }};
  std::unique_ptr<wiring::Reloader> reloader_;
  std::unique_ptr<pages::Pulse> pulse_;
  std::unique_ptr<pages::Probe> probe_;                 // null: not wanted
  std::unique_ptr<net::HttpServer> own_server_;         // after what its handlers read
  std::unique_ptr<net::HttpServer> prometheus_server_;  // likewise
};

base::Result<void> Agent::start(process::SignalWatch& signals) {
  auto loop = net::EventLoop::create({.transfers_max = transfers_max()});
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  loop_ = std::move(*loop);
  signals_ = &signals;
  if (auto started = start_exporters(); !started) {
    return started;
  }
  scheduler_ = std::make_unique<check::schedule::Scheduler>(
      *loop_, wiring::scheduler_options(configured_.agent),
      [this](const metrics::Snapshot& snapshot) { publish(snapshot); },
      [this](const metrics::Snapshot& snapshot) { return publish_slices(snapshot); });
  reloader_ = std::make_unique<wiring::Reloader>(
      wiring::Reloader::Parts{
          .loop = *loop_,
          .scheduler = *scheduler_,
          .service = service_,
          .forget = [this](const metrics::Instance& instance) { forget(instance); },
          .applied = [this] { measure_python_memory(); }},
      global_, configured_);
  if (configured_.agent.watch_config) {
    reloader_->watch_files();
  }
  pulse_ = std::make_unique<pages::Pulse>(
      *loop_, std::min(pulse_interval, service_.watchdog().value_or(pulse_interval)), [this] {
        base::refill_memory_reserve();
        if (service_.watchdog()) {
          service_.alive();
        }
        tidy();
      });
  measure_python_memory();
  return start_pages();
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

base::Result<void> Agent::start_exporters() {
  const config::AgentConfig& agent = configured_.agent;
  if (agent.dogstatsd.enabled) {
    auto options = wiring::dogstatsd_options(agent);
    if (!options) {
      return tl::unexpected(options.error());
    }
    dogstatsd_ = std::make_unique<exporters::dogstatsd::DogStatsdExporter>(*std::move(options));
    exporters_.push_back(dogstatsd_.get());
  }
  if (agent.prometheus.enabled) {
    exporters::prometheus::PrometheusOptions options = wiring::prometheus_options(agent);
    options.collectables.push_back(
        exporters::prometheus::provided([this] { return pages::own_metrics(own_figures()); }));
    prometheus_ = std::make_unique<exporters::prometheus::PrometheusExporter>(options);
    exporters_.push_back(prometheus_.get());
  }
  if (exporters_.empty()) {
    base::log(LogLevel::warn,
              "no exporter is on: set prometheus.enabled or dogstatsd_port in heapwatch.yaml");
  }
  return {};
}

base::Result<void> Agent::start_pages() {
  const config::AgentConfig& agent = configured_.agent;
  if (agent.expvar_port != 0) {
    auto server = net::HttpServer::start(
        {.listen = agent.expvar_host + ":" + std::to_string(agent.expvar_port),
         .takes_long = pages::HeapPages::takes_long,
         .shared_as =
             [](const net::ServerRequest& request) {
               return pages::HeapPages::takes_long(request) ? std::string{}
                                                            : request.path + '?' + request.query;
             },
         .body_bytes_max = pages::symbol_request_bytes_max},
        [this](const net::ServerRequest& request) {
          return within_memory([&] { return own_page(request); });
        });
    if (!server) {
      return tl::unexpected(server.error());
    }
    own_server_ = std::move(*server);
  }
  if (prometheus_) {
    if (agent.prometheus.probe) {
      probe_ = std::make_unique<pages::Probe>([this] { return reloader_->in_force(); });
    }
    // Probes wait for their targets; scrapes must not wait for them.
    auto server = net::HttpServer::start(
        {.listen = agent.prometheus.listen,
         .takes_long = [](const net::ServerRequest& request) { return request.path == "/probe"; },
         .shared_as =
             [](const net::ServerRequest& request) {
               return request.path == "/metrics"
                          ? "metrics " + std::string(request.header("accept"))
                          : std::string{};
             }},
        [this](const net::ServerRequest& request) {
          return within_memory([&] { return metrics_page(request); });
        });
    if (!server) {
      return tl::unexpected(server.error());
    }
    prometheus_server_ = std::move(*server);
    base::log(LogLevel::info,
              "prometheus metrics at http://" + agent.prometheus.listen + "/metrics");
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
  own_server_.reset();
  prometheus_server_.reset();
  const bool read = reloader_->stop(read_patience);
  const bool ended = scheduler_->stop(stop_patience) && read;
  if (dogstatsd_) {
    (void)dogstatsd_->drain(drain_patience);
  }
  base::log(LogLevel::info, "heapwatch stopped");
  return ended;
}

void Agent::publish(const metrics::Snapshot& snapshot) {
  for (exporters::Exporter* const exporter : exporters_) {
    if (const auto published = exporter->publish(snapshot); !published) {
      base::log(LogLevel::debug, published.error().message);
    }
  }
}

check::schedule::Scheduler::Slice Agent::publish_slices(const metrics::Snapshot& snapshot) {
  auto publications = std::make_shared<std::vector<std::unique_ptr<exporters::Publication>>>();
  publications->reserve(exporters_.size());
  for (exporters::Exporter* const exporter : exporters_) {
    if (auto begun = exporter->begin(snapshot)) {
      publications->push_back(std::move(begun));
    }
  }
  return [publications, at = std::size_t{0}]() mutable {
    if (at < publications->size() && !(*publications)[at]->advance()) {
      ++at;
    }
    return at < publications->size();
  };
}

void Agent::forget(const metrics::Instance& instance) {
  for (exporters::Exporter* const exporter : exporters_) {
    exporter->forget(instance);
  }
}

/// In slices, as long as there is something to do.
void Agent::tidy() {
  constexpr std::chrono::milliseconds slice{5};
  const auto until = std::chrono::steady_clock::now() + slice;
  for (exporters::Exporter* const exporter : exporters_) {
    while (exporter->tidy()) {
      if (std::chrono::steady_clock::now() >= until) {
        loop_->post([this] { tidy(); });
        return;
      }
    }
  }
}

pages::OwnFigures Agent::own_figures() const {
  pages::OwnFigures figures{.scheduler = scheduler_->totals(),
                            .by_check = scheduler_->by_check(),
                            .transfers_running = pulse_->transfers_running(),
                            .transfers_waiting = pulse_->transfers_waiting(),
                            .lag = pulse_->lag(),
                            .lag_max = pulse_->lag_max(),
                            .log_lines_lost = base::log_lines_lost(),
                            .reload = reloader_->state()};
  if (dogstatsd_) {
    figures.dogstatsd = dogstatsd_->counters();
    figures.dogstatsd_queued = dogstatsd_->packets_queued();
    figures.snapshots_lost["dogstatsd"] = dogstatsd_->lost();
  }
  if (prometheus_) {
    figures.snapshots_lost["prometheus"] = prometheus_->lost();
  }
  return figures;
}

pages::SelfReport Agent::report() const {
  const config::AgentConfig& agent = configured_.agent;
  std::error_code unreadable;
  return {
      .now = base::now(),
      .process = base::process_usage(),
      .own = own_figures(),
      .instances = scheduler_->stats(),
      .config_file = std::filesystem::exists(wiring::config_file(global_), unreadable)
                         ? wiring::config_file(global_).string()
                         : std::string{},
      .confd_path = agent.confd_path.string(),
      .prometheus_address = prometheus_ ? agent.prometheus.listen : std::string{},
      .dogstatsd_address = dogstatsd_ ? agent.dogstatsd.url : std::string{},
      .log_level = base::log_level(),
      .python = wiring::python_loader().report(),
  };
}

net::ServerReply Agent::own_page(const net::ServerRequest& request) {
  constexpr const char* json = "application/json; charset=utf-8";
  if (request.path == "/debug/vars") {
    return {.content_type = json, .body = pages::debug_vars(report())};
  }
  if (request.path == "/status") {
    pages::SelfReport status = report();
    status.python_objects =
        wiring::python_loader().objects(false).value_or(std::vector<check::python::ObjectCount>());
    if (request.query == "format=json") {
      return {.content_type = json, .body = pages::status_json(status)};
    }
    return {.body = pages::status_text(status, request.query == "colors=true")};
  }
  if (request.path == "/debug/memtrack") {
    return {.content_type = json, .body = pages::memtrack_page()};
  }
  if (auto reply = heap_pages_.answer(request)) {
    return *std::move(reply);
  }
  return not_found(
      "/debug/vars, /debug/memtrack, /debug/pprof/heap, /debug/pprof/allocs, /debug/pprof/symbol, "
      "/status");
}

net::ServerReply Agent::metrics_page(const net::ServerRequest& request) const {
  if (request.path == "/metrics") {
    auto page = prometheus_->render(request.header("accept"));
    return {.content_type = std::move(page.content_type), .body = std::move(page.body)};
  }
  if (probe_ && request.path == "/probe") {
    return probe_->answer(request);
  }
  return not_found(probe_ ? "/metrics, /probe?target=" : "/metrics");
}

void log_diagnostics(const config::Diagnostics& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    base::log(diagnostic.severity == config::Diagnostic::Severity::error ? LogLevel::error
                                                                         : LogLevel::warn,
              config::to_text(diagnostic));
  }
}

}  // namespace

int run_agent(const wiring::GlobalOptions& global) {
  const base::LogQueue log_queue;
  process::SignalWatch signals(process::handled_signals(), end_patience);
  if (!signals.is_ready()) {
    std::cerr << "heapwatch: cannot set signal handlers\n";
    return 1;
  }
  check::children::prepare_forks();
  base::spare_memory();
  base::keep_memory_reserve();
  (void)base::release_unused_memory();  // what the loader touched, before more is added to it
  signal_watch = &signals;
  config::give_up_on_secrets_when(told_to_stop);
  wiring::Configured configured = wiring::load(global, wiring::WhenWrong::stop);
  if (told_to_stop()) {
    base::log(LogLevel::info, "heapwatch is told to stop before it has started");
    return 0;
  }
  wiring::account_memory(configured.agent);
  if (configured.agent_is_wrong) {
    for (const config::Diagnostic& diagnostic : configured.diagnostics.all()) {
      std::cerr << "heapwatch: " << config::to_text(diagnostic) << '\n';
    }
    std::cerr << "heapwatch: not started: what runs must be what was configured\n";
    return 1;
  }
  base::remembered().bytes_max = configured.agent.limits.process_bytes_max;
  log_diagnostics(configured.diagnostics);
  Agent agent(std::move(configured), global);
  if (const auto started = agent.start(signals); !started) {
    std::cerr << "heapwatch: " << base::printable(started.error().message) << '\n';
    return 1;
  }
  const bool ended = agent.run();
  if (!ended) {
    base::log(LogLevel::warn, "a check did not end in time and was left behind");
  }
  if (!ended || agent.series() > freed_series_max) {
    base::flush_log(log_patience);
    std::_Exit(0);  // a thread left behind still uses what the agent's destructor would free
  }
  return 0;
}

}  // namespace heapwatch::agent::commands
