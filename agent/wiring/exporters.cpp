#include "agent/wiring/exporters.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "agent/wiring/exporter_options.h"
#include "agent/wiring/otlp_options.h"
#include "agent/wiring/pyroscope_options.h"
#include "agent/wiring/receiver_options.h"
#include "agent/wiring/remote_write_options.h"
#include "base/log.h"
#include "exporters/dogstatsd/dogstatsd_exporter.h"
#include "exporters/otlp/exporter.h"
#include "exporters/prometheus/exporter.h"
#include "exporters/prometheus/provided.h"
#include "exporters/prometheus/self_metrics.h"
#include "exporters/pyroscope/exporter.h"
#include "exporters/remote_write/exporter.h"

namespace heapwatch::agent::wiring {

namespace {

using base::LogLevel;

struct Made {
  std::unique_ptr<exporters::Exporter> exporter;  // null: the configuration does not ask for it
  std::string address{};
};

/// What heapwatch tells of itself, and counts of the process.
struct Own {
  Exporters::OwnFamilies families;
  std::shared_ptr<exporters::prometheus::SelfMetrics> self;
  exporters::pyroscope::Programs programs;
};

base::Result<Made> make_prometheus(const config::AgentConfig& agent, const Own& own) {
  if (!agent.prometheus.enabled) {
    return Made{};
  }
  exporters::prometheus::PrometheusOptions options = prometheus_options(agent);
  options.self = own.self;
  options.collectables.push_back(exporters::prometheus::provided(own.families));
  return Made{std::make_unique<exporters::prometheus::PrometheusExporter>(options),
              agent.prometheus.listen};
}

base::Result<Made> make_dogstatsd(const config::AgentConfig& agent, const Own& /*own*/) {
  if (!agent.dogstatsd.enabled) {
    return Made{};
  }
  auto options = dogstatsd_options(agent);
  if (!options) {
    return tl::unexpected(options.error());
  }
  const config::DogStatsdConfig& dogstatsd = agent.dogstatsd;
  return Made{std::make_unique<exporters::dogstatsd::DogStatsdExporter>(*std::move(options)),
              dogstatsd.url_shown_as.empty() ? dogstatsd.url : dogstatsd.url_shown_as};
}

template <typename Endpoints>
std::string addresses_of(const Endpoints& endpoints) {
  std::string addresses;
  for (const auto& endpoint : endpoints) {
    addresses += (addresses.empty() ? "" : ", ") + shown_address(endpoint.receiver);
  }
  return addresses;
}

/// Of those that push to receivers.
template <typename Exporter, typename Options>
base::Result<Made> make_push(base::Result<Options> options, const Own& own) {
  if (!options) {
    return tl::unexpected(options.error());
  }
  if (options->endpoints.empty()) {
    return Made{};
  }
  std::string addresses = addresses_of(options->endpoints);
  options->own.collectables = {own.self, exporters::prometheus::provided(own.families)};
  auto exporter = Exporter::start(*std::move(options));
  if (!exporter) {
    return tl::unexpected(exporter.error());
  }
  return Made{std::move(*exporter), std::move(addresses)};
}

base::Result<Made> make_remote_write(const config::AgentConfig& agent, const Own& own) {
  return make_push<exporters::remote_write::RemoteWriteExporter>(remote_write_options(agent), own);
}

base::Result<Made> make_otlp(const config::AgentConfig& agent, const Own& own) {
  return make_push<exporters::otlp::OtlpExporter>(otlp_options(agent), own);
}

base::Result<Made> make_pyroscope(const config::AgentConfig& agent, const Own& own) {
  auto options = pyroscope_options(agent);
  if (!options) {
    return tl::unexpected(options.error());
  }
  if (options->endpoints.empty()) {
    return Made{};
  }
  std::string addresses = addresses_of(options->endpoints);
  options->programs = own.programs;
  auto exporter = exporters::pyroscope::PyroscopeExporter::start(*std::move(options));
  if (!exporter) {
    return tl::unexpected(exporter.error());
  }
  return Made{std::move(*exporter), std::move(addresses)};
}

struct Row {
  std::string_view name;
  std::string_view title;
  std::string_view switched_on_by;  // the option
  base::Result<Made> (*make)(const config::AgentConfig& agent, const Own& own);
};

constexpr std::array rows{
    Row{"prometheus", "Prometheus", "prometheus.enabled", make_prometheus},
    Row{"dogstatsd", "DogStatsD", "dogstatsd_port", make_dogstatsd},
    Row{"remote_write", "Remote write", "remote_write", make_remote_write},
    Row{"otlp", "OTLP", "otlp", make_otlp},
    Row{"pyroscope", "Pyroscope", "profiles.push", make_pyroscope},
};

std::string ways_to_switch_one_on() {
  std::string options;
  for (const Row& row : rows) {
    options += (options.empty() ? "" : " or ") + std::string(row.switched_on_by);
  }
  return options;
}

}  // namespace

template <typename Do>
void Exporters::each(const Do& act) const {
  for (const Running& running : running_) {
    if (running.exporter) {
      act(*running.exporter);
    }
  }
}

base::Result<void> Exporters::start(const config::AgentConfig& agent, const OwnFamilies& own,
                                    const exporters::pyroscope::Programs& programs) {
  bool is_one_on = false;
  const Own provided{
      .families = own,
      .self = std::make_shared<exporters::prometheus::SelfMetrics>(HEAPWATCH_VERSION),
      .programs = programs};
  for (const Row& row : rows) {
    auto made = row.make(agent, provided);
    if (!made) {
      return tl::unexpected(made.error());
    }
    is_one_on = is_one_on || made->exporter;
    running_.push_back({std::move(made->exporter), std::move(made->address)});
  }
  if (!is_one_on) {
    base::log(LogLevel::warn,
              "no exporter is on: set " + ways_to_switch_one_on() + " in heapwatch.yaml");
  }
  return {};
}

void Exporters::publish(const metrics::Snapshot& snapshot) {
  each([&](exporters::Exporter& exporter) {
    if (const auto published = exporter.publish(snapshot); !published) {
      base::log(LogLevel::debug, published.error().message);
    }
  });
}

check::schedule::Scheduler::Slice Exporters::publish_slices(const metrics::Snapshot& snapshot) {
  auto publications = std::make_shared<std::vector<std::unique_ptr<exporters::Publication>>>();
  publications->reserve(running_.size());
  each([&](exporters::Exporter& exporter) {
    if (auto begun = exporter.begin(snapshot)) {
      publications->push_back(std::move(begun));
    }
  });
  return [publications, at = std::size_t{0}]() mutable {
    if (at < publications->size() && !(*publications)[at]->advance()) {
      ++at;
    }
    return at < publications->size();
  };
}

void Exporters::forget(const metrics::Instance& instance) {
  each([&](exporters::Exporter& exporter) { exporter.forget(instance); });
}

void Exporters::hand_over(const metrics::Instance& instance) {
  each([&](exporters::Exporter& exporter) { exporter.hand_over(instance); });
}

bool Exporters::tidy(std::chrono::milliseconds slice) {
  const auto until = std::chrono::steady_clock::now() + slice;
  bool is_more = false;
  each([&](exporters::Exporter& exporter) {
    while (!is_more && exporter.tidy()) {
      is_more = std::chrono::steady_clock::now() >= until;
    }
  });
  return is_more;
}

void Exporters::drain(std::chrono::milliseconds patience) {
  each([&](exporters::Exporter& exporter) { (void)exporter.drain(patience); });
}

std::vector<ExporterState> Exporters::states() const {
  std::vector<ExporterState> states;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const Running& running = running_[i];
    states.push_back(
        {.name = std::string(rows[i].name),
         .title = std::string(rows[i].title),
         .address = running.address,
         .figures = running.exporter ? running.exporter->figures() : exporters::ExporterFigures{},
         .lost = running.exporter ? running.exporter->lost() : 0});
  }
  return states;
}

std::vector<Exporters::Served> Exporters::served() const {
  std::vector<Served> served;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    if (!running_[i].exporter) {
      continue;
    }
    std::vector<net::Route> pages = running_[i].exporter->pages();
    if (!pages.empty()) {
      served.push_back({std::string(rows[i].name), running_[i].address, std::move(pages)});
    }
  }
  return served;
}

}  // namespace heapwatch::agent::wiring
