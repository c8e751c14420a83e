#include "exporters/prometheus/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

namespace heapwatch::exporters::prometheus {

namespace {

using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

std::string read_whole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

MetricFamily family_of_one(std::string name, std::string help, MetricType type, double value) {
  MetricFamily family{std::move(name), std::move(help), type,
                      std::vector<::prometheus::ClientMetric>(1)};
  (type == MetricType::Counter ? family.metric[0].counter.value : family.metric[0].gauge.value) =
      value;
  return family;
}

/// The fields of /proc/self/stat that follow the program's name in parentheses.
struct Stat {
  double cpu_ticks = 0;
  double start_ticks = 0;  // since the boot
  double virtual_bytes = 0;
  double resident_pages = 0;
};

std::optional<Stat> read_stat(const std::string& proc) {
  const std::string text = read_whole(proc + "/self/stat");
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int first_field = 3;  // as proc(5) counts them
  std::string field;
  Stat stat;
  for (int i = first_field; i <= 24; ++i) {
    if (!(fields >> field)) {
      return std::nullopt;
    }
    double value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    switch (i) {
      case 14:
      case 15:
        stat.cpu_ticks += value;
        break;
      case 22:
        stat.start_ticks = value;
        break;
      case 23:
        stat.virtual_bytes = value;
        break;
      case 24:
        stat.resident_pages = value;
        break;
      default:
        break;
    }
  }
  return stat;
}

double boot_time_seconds(const std::string& proc) {
  std::istringstream lines(read_whole(proc + "/stat"));
  std::string word;
  while (lines >> word) {
    double seconds = 0;
    if (word == "btime" && lines >> seconds) {
      return seconds;
    }
  }
  return 0;
}

void add_process_families(const std::string& proc, std::vector<MetricFamily>& families) {
  if (const auto stat = read_stat(proc)) {
    const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
    families.push_back(family_of_one("process_cpu_seconds_total",
                                     "CPU time of the process, user and system.",
                                     MetricType::Counter, stat->cpu_ticks / ticks_per_second));
    families.push_back(family_of_one("process_resident_memory_bytes",
                                     "Memory of the process that is in RAM.", MetricType::Gauge,
                                     stat->resident_pages * page_bytes));
    families.push_back(family_of_one("process_virtual_memory_bytes",
                                     "Address space of the process.", MetricType::Gauge,
                                     stat->virtual_bytes));
    families.push_back(family_of_one(
        "process_start_time_seconds", "When the process began, in Unix time.", MetricType::Gauge,
        boot_time_seconds(proc) + stat->start_ticks / ticks_per_second));
  }
  std::error_code error;
  std::size_t open_files = 0;
  for (std::filesystem::directory_iterator file(proc + "/self/fd", error), end;
       !error && file != end; file.increment(error)) {
    ++open_files;
  }
  families.push_back(family_of_one("process_open_fds", "File descriptors in use.",
                                   MetricType::Gauge, static_cast<double>(open_files)));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(family_of_one("process_max_fds", "File descriptors allowed.",
                                     MetricType::Gauge, static_cast<double>(limit.rlim_cur)));
  }
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
  add_process_families(proc_, families);
  return families;
}

}  // namespace heapwatch::exporters::prometheus
