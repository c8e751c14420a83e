#include "agent/pages/python_vars.h"

#include <array>
#include <cstdio>

#include "metrics/context.h"

namespace heapwatch::agent::pages {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
using check::python::PythonReport;

void write(Writer& json, const std::string& text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write(Writer& json, const check::Figure& figure) {
  json.Double(figure.value);
}

template <typename T>
void write(Writer& json, const std::vector<T>& list) {
  json.StartArray();
  for (const T& item : list) {
    write(json, item);
  }
  json.EndArray();
}

template <typename T>
void write(Writer& json, const std::map<std::string, T>& map) {
  json.StartObject();
  for (const auto& [key, value] : map) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    write(json, value);
  }
  json.EndObject();
}

template <typename T>
void member(Writer& json, const char* key, const T& value) {
  json.Key(key);
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

}  // namespace

void write_python(Writer& json, const PythonReport& report) {
  json.Key("pymem");
  json.StartObject();
  json.Key("Alloc");
  json.Uint64(report.host.memory.allocated_bytes);
  json.Key("Inuse");
  json.Uint64(report.host.memory.inuse_bytes);
  json.EndObject();
  json.Key("pyLoader");
  json.StartObject();
  member(json, "ConfigureErrors", report.configure_errors);
  json.EndObject();
  json.Key("pythonInit");
  json.StartObject();
  member(json, "Errors", report.start_errors);
  json.EndObject();
  json.Key("python");
  json.StartObject();
  member(json, "version", report.host.python_version);
  member(json, "metadata", report.host.told.metadata);
  member(json, "telemetry", report.host.told.telemetry);
  member(json, "external_host_tags", report.host.told.external_tags);
  member(json, "issues", report.host.told.issues);
  json.EndObject();
}

std::string python_line(const PythonReport& report) {
  if (!report.start_errors.empty()) {
    return "did not start: " + report.start_errors.front();
  }
  if (!report.running) {
    return "not loaded; no Python check runs in the agent itself";
  }
  constexpr double mebibyte = 1024 * 1024;
  std::array<char, 32> amount{};
  std::snprintf(amount.data(), amount.size(), "%.1f",
                static_cast<double>(report.host.memory.inuse_bytes) / mebibyte);
  return report.host.python_version + ", " + amount.data() + " MiB in use";
}

std::unique_ptr<check::ConfiguredCheck> python_memory_check(
    const check::python::PythonLoader& loader, std::chrono::milliseconds interval) {
  auto configured = std::make_unique<check::ConfiguredCheck>();
  configured->instance = std::make_shared<const metrics::Instance>(
      metrics::Instance{.check_name = "pymem",
                        .check_version = HEAPWATCH_VERSION,
                        .id = "pymem",
                        .source = "telemetry.python_memory",
                        .target = {}});
  configured->interval = interval;
  configured->check = std::make_unique<PythonMemoryCheck>(loader);
  return configured;
}

}  // namespace heapwatch::agent::pages
