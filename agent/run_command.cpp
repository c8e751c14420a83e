// `heapwatch run`: the loop, the scheduler, the exporters and the pages, wired together.
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "agent/commands.h"
#include "agent/exporter_options.h"
#include "agent/python_vars.h"
#include "agent/self_report.h"
#include "base/log.h"
#include "check/scheduler.h"
#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "exporters/prometheus/exporter.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace heapwatch::agent {

namespace {

using base::LogLevel;

/// How long a blocking check may go on after the agent was told to stop.
constexpr std::chrono::milliseconds stop_patience{1000};
/// How long the last packets may take then.
constexpr std::chrono::milliseconds drain_patience{500};

net::ServerReply not_found(std::string_view known) {
  return {.status = 404, .body = "not found; pages here: " + std::string(known) + "\n"};
}

/// Blocked in every thread started later, and read from a descriptor instead.
sigset_t handled_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&signals, number);
  }
  return signals;
}

pthread_t loop_thread;  // set before a handler can run

extern "C" void pass_on(int number) {
  (void)pthread_kill(loop_thread, number);
}

/// Threads that run code of others take signals, so that its child processes do not inherit that
/// they are blocked; what such a thread gets goes on to this thread, and so to the descriptor.
bool pass_signals_to_this_thread() {
  loop_thread = pthread_self();
  struct sigaction action {};
  action.sa_handler = pass_on;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    if (sigaction(number, &action, nullptr) != 0) {
      return false;
    }
  }
  return true;
}

class Agent {
 public:
  Agent(Configured configured, const GlobalOptions& global)
      : configured_(std::move(configured)),
        config_file_(global.config_file.value_or(std::string{})) {}

  /// Everything that can fail, before anything runs.
  base::Result<void> start(const sigset_t& signals);
  /// Until a signal says stop. False when a check did not end in time.
  bool run();

 private:
  base::Result<void> start_exporters();
  base::Result<void> start_pages();
  void take_signal();
  void publish(const metrics::Snapshot& snapshot);
  [[nodiscard]] SelfReport report() const;
  [[nodiscard]] net::ServerReply own_page(const net::ServerRequest& request) const;
  [[nodiscard]] net::ServerReply metrics_page(const net::ServerRequest& request) const;

  Configured configured_;
  std::string config_file_;
  int signal_descriptor_ = -1;
  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<exporters::dogstatsd::DogStatsdExporter> dogstatsd_;
  std::unique_ptr<exporters::prometheus::PrometheusExporter> prometheus_;
  std::vector<exporters::Exporter*> exporters_;
  std::unique_ptr<check::Scheduler> scheduler_;
  std::unique_ptr<net::HttpServer> own_server_;         // after what its handlers read
  std::unique_ptr<net::HttpServer> prometheus_server_;  // likewise
};

base::Result<void> Agent::start(const sigset_t& signals) {
  auto loop = net::EventLoop::create();
  if (!loop) {
    return tl::unexpected(loop.error());
  }
  loop_ = std::move(*loop);
  signal_descriptor_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  loop_->watch(signal_descriptor_, [this] { take_signal(); });
  if (auto started = start_exporters(); !started) {
    return started;
  }
  scheduler_ = std::make_unique<check::Scheduler>(
      *loop_, scheduler_options(configured_.agent),
      [this](const metrics::Snapshot& snapshot) { publish(snapshot); });
  for (auto& check : configured_.checks) {
    scheduler_->add(std::move(check));
  }
  if (configured_.agent.python_memory && python_loader().report().running) {
    scheduler_->add(
        python_memory_check(python_loader(), configured_.agent.min_collection_interval));
  }
  return start_pages();
}

base::Result<void> Agent::start_exporters() {
  const config::AgentConfig& agent = configured_.agent;
  if (agent.dogstatsd.enabled) {
    auto options = dogstatsd_options(agent);
    if (!options) {
      return tl::unexpected(options.error());
    }
    dogstatsd_ = std::make_unique<exporters::dogstatsd::DogStatsdExporter>(*std::move(options));
    exporters_.push_back(dogstatsd_.get());
  }
  if (agent.prometheus.enabled) {
    prometheus_ =
        std::make_unique<exporters::prometheus::PrometheusExporter>(prometheus_options(agent));
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
        {.listen = agent.expvar_host + ":" + std::to_string(agent.expvar_port)},
        [this](const net::ServerRequest& request) { return own_page(request); });
    if (!server) {
      return tl::unexpected(server.error());
    }
    own_server_ = std::move(*server);
  }
  if (prometheus_) {
    auto server = net::HttpServer::start(
        {.listen = agent.prometheus.listen},
        [this](const net::ServerRequest& request) { return metrics_page(request); });
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
  base::log(LogLevel::info, "heapwatch " HEAPWATCH_VERSION " runs " +
                                std::to_string(scheduler_->totals().instances) +
                                " check instances from " + configured_.agent.confd_path.string());
  loop_->run();
  own_server_.reset();
  prometheus_server_.reset();
  const bool ended = scheduler_->stop(stop_patience);
  if (dogstatsd_) {
    (void)dogstatsd_->drain(drain_patience);
  }
  base::log(LogLevel::info, "heapwatch stopped");
  return ended;
}

void Agent::take_signal() {
  signalfd_siginfo signal{};
  while (read(signal_descriptor_, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGHUP) {
      base::log(LogLevel::warn,
                "SIGHUP: the configuration is read at start only; restart to apply it");
    } else {
      loop_->stop();
    }
  }
}

void Agent::publish(const metrics::Snapshot& snapshot) {
  for (exporters::Exporter* const exporter : exporters_) {
    if (const auto published = exporter->publish(snapshot); !published) {
      base::log(LogLevel::debug, published.error().message);
    }
  }
}

SelfReport Agent::report() const {
  const config::AgentConfig& agent = configured_.agent;
  SelfReport report{
      .now = base::now(),
      .process = base::process_usage(),
      .scheduler = scheduler_->totals(),
      .instances = scheduler_->stats(),
      .configuration = configured_.diagnostics.all(),
      .config_file = config_file_,
      .confd_path = agent.confd_path.string(),
      .prometheus_address = prometheus_ ? agent.prometheus.listen : std::string{},
      .dogstatsd_address = dogstatsd_ ? agent.dogstatsd.url : std::string{},
      .dogstatsd = {},
      .log_level = base::log_level(),
      .python = python_loader().report(),
  };
  if (dogstatsd_) {
    report.dogstatsd = named_counters(dogstatsd_->counters());
  }
  return report;
}

net::ServerReply Agent::own_page(const net::ServerRequest& request) const {
  constexpr const char* json = "application/json; charset=utf-8";
  if (request.path == "/debug/vars") {
    return {.content_type = json, .body = debug_vars(report())};
  }
  if (request.path == "/status") {
    SelfReport status = report();
    status.python_objects =
        python_loader().objects(false).value_or(std::vector<check::python::ObjectCount>());
    if (request.query == "format=json") {
      return {.content_type = json, .body = status_json(status)};
    }
    return {.body = status_text(status, request.query == "colors=true")};
  }
  return not_found("/debug/vars, /status");
}

net::ServerReply Agent::metrics_page(const net::ServerRequest& request) const {
  if (request.path == "/metrics") {
    auto page = prometheus_->render(request.header("accept"));
    return {.content_type = std::move(page.content_type), .body = std::move(page.body)};
  }
  return not_found("/metrics");
}

void log_diagnostics(const config::Diagnostics& diagnostics) {
  for (const config::Diagnostic& diagnostic : diagnostics.all()) {
    base::log(diagnostic.severity == config::Diagnostic::Severity::error ? LogLevel::error
                                                                         : LogLevel::warn,
              config::to_text(diagnostic));
  }
}

}  // namespace

int run_agent(const GlobalOptions& global) {
  const sigset_t signals = handled_signals();
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0 ||
      std::signal(SIGPIPE, SIG_IGN) == SIG_ERR || !pass_signals_to_this_thread()) {
    std::cerr << "heapwatch: cannot set signal handlers\n";
    return 1;
  }
  Configured configured = load(global);
  log_diagnostics(configured.diagnostics);
  Agent agent(std::move(configured), global);
  if (const auto started = agent.start(signals); !started) {
    std::cerr << "heapwatch: " << started.error().message << '\n';
    return 1;
  }
  if (!agent.run()) {
    base::log(LogLevel::warn, "a check did not end in time and was left behind");
    std::_Exit(0);  // its thread still uses what the agent's destructor would free
  }
  return 0;
}

}  // namespace heapwatch::agent
