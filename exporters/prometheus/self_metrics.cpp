#include "exporters/prometheus/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <utility>

#include "base/process_usage.h"

namespace heapwatch::exporters::prometheus {

namespace {

using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

MetricFamily family_of_one(std::string name, std::string help, MetricType type, double value) {
  MetricFamily family{std::move(name), std::move(help), type,
                      std::vector<::prometheus::ClientMetric>(1)};
  (type == MetricType::Counter ? family.metric[0].counter.value : family.metric[0].gauge.value) =
      value;
  return family;
}

void add_process_families(const base::ProcessUsage& process, std::vector<MetricFamily>& families) {
  const auto add = [&](std::string name, std::string help, MetricType type, double value) {
    families.push_back(family_of_one(std::move(name), std::move(help), type, value));
  };
  if (process.started != std::chrono::system_clock::time_point{}) {
    add("process_cpu_seconds_total", "CPU time of the process, user and system.",
        MetricType::Counter, process.cpu.count());
    add("process_resident_memory_bytes", "Memory of the process that is in RAM.", MetricType::Gauge,
        static_cast<double>(process.resident_bytes));
    add("process_virtual_memory_bytes", "Address space of the process.", MetricType::Gauge,
        static_cast<double>(process.virtual_bytes));
    add("process_start_time_seconds", "When the process began, in Unix time.", MetricType::Gauge,
        std::chrono::duration<double>(process.started.time_since_epoch()).count());
  }
  add("process_open_fds", "File descriptors in use.", MetricType::Gauge,
      static_cast<double>(process.open_descriptors));
  add("process_max_fds", "File descriptors allowed.", MetricType::Gauge,
      static_cast<double>(process.descriptors_max));
}

}  // namespace

struct SelfMetrics::Counters {
  ::prometheus::Family<::prometheus::Counter>* dropped = nullptr;
  ::prometheus::Counter* text_scrapes = nullptr;
  ::prometheus::Counter* openmetrics_scrapes = nullptr;
};

SelfMetrics::SelfMetrics(const std::string& version, std::string proc)
    : registry_(std::make_unique<::prometheus::Registry>()),
      counters_(std::make_unique<Counters>()),
      proc_(std::move(proc)) {
  ::prometheus::BuildGauge()
      .Name("heapwatch_build_info")
      .Help("Always 1; the labels say which heapwatch this is.")
      .Register(*registry_)
      .Add({{"version", version}})
      .Set(1);
  auto& scrapes = ::prometheus::BuildCounter()
                      .Name("heapwatch_scrapes_served_total")
                      .Help("Metrics pages served, by format.")
                      .Register(*registry_);
  counters_->text_scrapes = &scrapes.Add({{"format", "text"}});
  counters_->openmetrics_scrapes = &scrapes.Add({{"format", "openmetrics"}});
  counters_->dropped =
      &::prometheus::BuildCounter()
           .Name("heapwatch_series_dropped_total")
           .Help("Series that could not go on the metrics page, at each publication, by reason.")
           .Register(*registry_);
}

SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::count_scrape(Format format) {
  (format == Format::text ? counters_->text_scrapes : counters_->openmetrics_scrapes)->Increment();
}

void SelfMetrics::count_dropped_series(std::string_view reason) {
  counters_->dropped->Add({{"reason", std::string(reason)}}).Increment();
}

std::vector<MetricFamily> SelfMetrics::Collect() const {
  std::vector<MetricFamily> families = registry_->Collect();
  add_process_families(base::process_usage(proc_), families);
  return families;
}

}  // namespace heapwatch::exporters::prometheus
