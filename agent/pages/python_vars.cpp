#include "agent/pages/python_vars.h"

#include <array>
#include <cstdio>

#include "metrics/context.h"

namespace heapwatch::agent::pages {

namespace {

using base::JsonWriter;
using check::python::PythonReport;

void write(JsonWriter& json, const std::string& text) {
  json.text(text);
}

void write(JsonWriter& json, const check::Figure& figure) {
  json.real(figure.value);
}

template <typename T>
void write(JsonWriter& json, const std::vector<T>& list) {
  json.begin_array();
  for (const T& item : list) {
    write(json, item);
  }
  json.end_array();
}

template <typename T>
void write(JsonWriter& json, const std::map<std::string, T>& map) {
  json.begin_object();
  for (const auto& [key, value] : map) {
    json.key(key);
    write(json, value);
  }
  json.end_object();
}

template <typename T>
void member(JsonWriter& json, const char* key, const T& value) {
  json.key(key);
  write(json, value);
}

class PythonMemoryCheck final : public check::Check {
 public:
  explicit PythonMemoryCheck(const check::python::PythonLoader& loader) : loader_(loader) {}

  [[nodiscard]] base::Result<check::RunReport> run(metrics::SampleSink& sink) override {
    using metrics::MetricType;
    const check::python::MemoryUse memory = loader_.report().host.memory;
    sink.submit({.context = inuse_,
                 .type = MetricType::gauge,
                 .value = base::Number::of(memory.inuse_bytes)});
    sink.submit({.context = alloc_,
                 .type = MetricType::monotonic_counter,
                 .value = base::Number::of(memory.allocated_bytes)});
    return check::RunReport{};
  }

 private:
  const check::python::PythonLoader& loader_;
  metrics::Context inuse_ =
      metrics::make_context({.name = "datadog.agent.pymem.inuse",
                             .tags = {},
                             .host = std::nullopt,
                             .help = "bytes that the Python interpreter holds"});
  metrics::Context alloc_ = metrics::make_context(
      {.name = "datadog.agent.pymem.alloc",
       .tags = {},
       .host = std::nullopt,
       .help = "bytes that the Python interpreter allocated since the agent began"});
};

void write_sampled(JsonWriter& json, const check::python::SampledMemory& sampled) {
  json.member("interval_bytes", sampled.interval_bytes);
  json.member("samples", sampled.samples);
  json.member("lost_samples", sampled.lost_samples);
  json.object("inuse_bytes", [&] {
    for (const auto& [component, bytes] : sampled.inuse_bytes) {
      json.member(component, bytes);
    }
  });
  if (sampled.garbage) {
    json.object("garbage", [&] {
      json.member("objects", sampled.garbage->objects);
      json.member("bytes", sampled.garbage->bytes);
      json.key("age_seconds");
      json.real(std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                              sampled.garbage->counted_at)
                    .count());
    });
  }
}

std::string in_mebibytes(std::uint64_t bytes) {
  constexpr double mebibyte = 1024 * 1024;
  std::array<char, 32> amount{};
  std::snprintf(amount.data(), amount.size(), "%.1f MiB", static_cast<double>(bytes) / mebibyte);
  return amount.data();
}

}  // namespace

void write_python(JsonWriter& json, const PythonReport& report) {
  json.object("pymem", [&] {
    json.member("Alloc", report.host.memory.allocated_bytes);
    json.member("Inuse", report.host.memory.inuse_bytes);
  });
  json.object("pyLoader", [&] { member(json, "ConfigureErrors", report.configure_errors); });
  json.object("pythonInit", [&] { member(json, "Errors", report.start_errors); });
  json.object("python", [&] {
    member(json, "version", report.host.python_version);
    member(json, "metadata", report.host.told.metadata);
    member(json, "telemetry", report.host.told.telemetry);
    member(json, "external_host_tags", report.host.told.external_tags);
    member(json, "issues", report.host.told.issues);
    if (report.host.sampled) {
      json.object("sampled", [&] { write_sampled(json, *report.host.sampled); });
    }
  });
}

std::string python_line(const PythonReport& report) {
  if (!report.start_errors.empty()) {
    return "did not start: " + report.start_errors.front();
  }
  if (!report.running) {
    return "not loaded; no Python check runs in the agent itself";
  }
  std::string line =
      report.host.python_version + ", " + in_mebibytes(report.host.memory.inuse_bytes) + " in use";
  if (report.host.sampled && report.host.sampled->garbage) {
    line += ", of it " + in_mebibytes(report.host.sampled->garbage->bytes) +
            " garbage that the collector has not freed";
  }
  return line;
}

std::unique_ptr<check::ConfiguredCheck> python_memory_check(
    const check::python::PythonLoader& loader, std::chrono::milliseconds interval) {
  auto configured = std::make_unique<check::ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{.check_name = python_memory_check_name,
                        .check_version = HEAPWATCH_VERSION,
                        .id = "pymem",
                        .source = "telemetry.python_memory",
                        .target = {}});
  configured->interval = interval;
  configured->check = std::make_unique<PythonMemoryCheck>(loader);
  return configured;
}

}  // namespace heapwatch::agent::pages
