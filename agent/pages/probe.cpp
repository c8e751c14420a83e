#include "agent/pages/probe.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/wiring/exporter_options.h"
#include "base/loopback.h"
#include "base/number.h"
#include "base/query.h"
#include "base/text.h"
#include "check/schedule/instance_runner.h"
#include "check/target_url.h"
#include "net/target.h"

namespace heapwatch::agent::pages {

namespace {

using config::Value;

constexpr unsigned probes_max = 8;
constexpr double timeout_seconds_default = 10;
constexpr double timeout_seconds_max = 60;
/// What is left of Prometheus' own timeout for the answer to travel.
constexpr double timeout_margin_seconds = 0.5;

/// What a module lends to another target: nothing that identifies us to anybody.
constexpr std::array<std::string_view, 14> lent_options{"namespace",
                                                        "metrics",
                                                        "auto",
                                                        "include",
                                                        "exclude",
                                                        "naming",
                                                        "tags",
                                                        "memstats",
                                                        "memstats_names",
                                                        "max_returned_metrics",
                                                        "service",
                                                        "can_connect",
                                                        "metric_patterns",
                                                        "disable_generic_tags"};

void set(Value& map, std::string key, Value value) {
  std::erase_if(map.members, [&](const Value::Member& member) { return member.key == key; });
  map.members.push_back({std::move(key), 0, 0, std::move(value)});
}

void lend(const Value& configured, Value& instance) {
  for (const Value::Member& member : configured.members) {
    if (std::find(lent_options.begin(), lent_options.end(), member.key) != lent_options.end()) {
      set(instance, member.key, member.value);
    }
  }
}

double timeout_seconds(const net::ServerRequest& request) {
  const auto asked = base::parse_number(request.header("x-prometheus-scrape-timeout-seconds"));
  const double seconds = asked && asked->is_finite() ? asked->to_double() - timeout_margin_seconds
                                                     : timeout_seconds_default;
  return std::clamp(seconds, timeout_margin_seconds, timeout_seconds_max);
}

/// All of the exchange ends in time for the answer, however the target trickles.
void end_in_time(Value& instance, double seconds) {
  const Value* const own = instance.find("total_timeout");
  const auto configured = own == nullptr ? std::nullopt : base::parse_number(own->text);
  if (!configured || configured->to_double() > seconds) {
    set(instance, "total_timeout", Value::scalar(base::to_text(base::Number::of(seconds))));
  }
}

int status_of(base::ErrorKind kind) {
  switch (kind) {
    case base::ErrorKind::refused:
      return 403;
    case base::ErrorKind::not_found:
      return 404;
    default:
      return 400;
  }
}

class Running {
 public:
  explicit Running(std::atomic<unsigned>& count) : count_(count), order_(++count) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --count_; }
  [[nodiscard]] bool too_many() const { return order_ > probes_max; }

 private:
  std::atomic<unsigned>& count_;
  unsigned order_;
};

}  // namespace

bool may_probe(const std::string& host, std::uint16_t port,
               const std::vector<std::string>& allowed) {
  if (allowed.empty()) {
    return base::is_loopback(host);
  }
  const std::string with_port = net::bracketed(host) + ":" + std::to_string(port);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
    const std::string lower = base::ascii_lower(entry);
    return lower == host || lower == with_port || lower == net::bracketed(host) ||
           (lower.starts_with('.') && host.size() > lower.size() && host.ends_with(lower));
  });
}

/// The instance to run, in a file of its own.
struct Probe::Chosen {
  config::CheckConfig file;
  bool is_configured = false;  // as it stands in conf.d; else it has what `module` lends
  bool knows_module = false;
};

Probe::Chosen Probe::look_up(const ProbeIndex& index, const check::TargetUrl& target,
                             const std::optional<std::string>& module) {
  Chosen chosen;
  if (auto configured = index.find(target, module)) {
    chosen.file = std::move(*configured);
    chosen.file.file = "probe";
    chosen.is_configured = true;
    return chosen;
  }
  chosen.file.check_name = ProbeIndex::check_name;
  chosen.file.file = "probe";
  chosen.file.init_config.kind = Value::Kind::map;
  Value lent;
  lent.kind = Value::Kind::map;
  chosen.knows_module = !module;
  if (const auto lender = module ? index.find_module(*module) : std::nullopt) {
    chosen.knows_module = true;
    lend(lender->instances.front(), lent);
  }
  chosen.file.instances = {std::move(lent)};
  return chosen;
}

base::Result<Probe::Chosen> Probe::choose(const ProbeIndex& index,
                                          const net::ServerRequest& request) {
  auto text = base::query_value(request.query, "target");
  if (!text || text->empty()) {
    return base::fail(base::ErrorKind::invalid,
                      "say which: /probe?target=http://HOST:PORT/debug/vars");
  }
  if (text->find("://") == std::string::npos) {
    text->insert(0, "http://");
  }
  const auto target = check::parse_target_url(*text);
  if (!target) {
    return base::fail(base::ErrorKind::invalid, "target " + target.error().message);
  }
  const auto module = base::query_value(request.query, "module");
  Chosen chosen = look_up(index, *target, module);
  const double seconds = timeout_seconds(request);
  if (chosen.is_configured) {
    if (!request.header("x-prometheus-scrape-timeout-seconds").empty()) {
      end_in_time(chosen.file.instances.front(), seconds);
    }
    return chosen;
  }
  if (!chosen.knows_module) {
    return base::fail(base::ErrorKind::not_found,
                      "no configured instance of go_expvar has the namespace \"" + *module + '"');
  }
  if (!target->unix_socket.empty() || !target->username.empty() || !target->password.empty()) {
    return base::fail(base::ErrorKind::refused,
                      "a target that is not configured must be http or https and without "
                      "credentials");
  }
  const auto place = net::parse_authority(target->url);
  if (!place) {
    return base::fail(base::ErrorKind::invalid, "target " + place.error().message);
  }
  if (!may_probe(place->host, place->port, index.in_force().agent.prometheus.probe_targets)) {
    return base::fail(base::ErrorKind::refused, place->host +
                                                    " is neither configured in conf.d nor among "
                                                    "prometheus.probe_targets");
  }
  Value& instance = chosen.file.instances.front();
  set(instance, std::string(check::url_key), Value::scalar(target->url));
  set(instance, "allow_redirects", Value::scalar("false"));
  set(instance, "timeout", Value::scalar(base::to_text(base::Number::of(seconds))));
  end_in_time(instance, seconds);
  return chosen;
}

std::shared_ptr<const ProbeIndex> Probe::index() {
  auto in_force = in_force_();
  const std::lock_guard lock(mutex_);
  if (!index_ || &index_->in_force() != in_force.get()) {
    index_ = std::make_shared<const ProbeIndex>(std::move(in_force));
  }
  return index_;
}

net::ServerReply Probe::answer(const net::ServerRequest& request) {
  const Running running(running_);
  if (running.too_many()) {
    return net::text_reply(
        503, "too many probes at once; " + std::to_string(probes_max) + " are served");
  }
  const auto index = this->index();
  const config::AgentConfig& agent = index->in_force().agent;
  const auto chosen = choose(*index, request);
  if (!chosen) {
    return net::text_reply(status_of(chosen.error().kind), chosen.error().message);
  }
  config::Diagnostics diagnostics;
  auto check =
      wiring::make_check({chosen->file, chosen->file.instances.front(), agent}, diagnostics);
  if (!check) {
    std::string wrong;
    for (const config::Diagnostic& diagnostic : diagnostics.all()) {
      wrong += config::to_text(diagnostic) + "\n";
    }
    return {.status = 400, .body = wrong, .headers = {}};
  }
  check::schedule::InstanceRunner runner(std::move(check), wiring::runner_options(agent));
  const metrics::Snapshot& snapshot = runner.run();
  if (snapshot.error) {
    return net::text_reply(502, snapshot.error->message);
  }
  exporters::prometheus::PrometheusOptions options = wiring::prometheus_options(agent);
  options.self = nullptr;
  exporters::prometheus::PrometheusExporter exporter(options);
  (void)exporter.publish(snapshot);
  auto page = exporter.render(request.header("accept"));
  return {
      .content_type = std::move(page.content_type), .body = std::move(page.body), .headers = {}};
}

net::Route probe_route(Probe& probe) {
  return {.path = "/probe",
          .help = "One run of go_expvar against ?target=, for Prometheus",
          .handler = [&probe](const net::ServerRequest& request) { return probe.answer(request); },
          .takes_long = true};
}

}  // namespace heapwatch::agent::pages
