#include "exporters/pyroscope/exporter.h"

#include <algorithm>
#include <string>
#include <utility>

namespace heapwatch::exporters::pyroscope {

base::Result<std::unique_ptr<PyroscopeExporter>> PyroscopeExporter::start(
    PyroscopeOptions options) {
  auto exporter = std::unique_ptr<PyroscopeExporter>(new PyroscopeExporter(options.clock));
  for (EndpointOptions& endpoint : options.endpoints) {
    auto started = Endpoint::start(std::move(endpoint), options.clock);
    if (!started) {
      return tl::unexpected(started.error());
    }
    exporter->endpoints_.push_back(std::move(*started));
  }
  auto collector = Collector::start({.interval = options.interval,
                                     .programs = std::move(options.programs),
                                     .send =
                                         [self = exporter.get()](const Ready& ready) {
                                           for (const auto& endpoint : self->endpoints_) {
                                             endpoint->send(ready);
                                           }
                                         },
                                     .clock = options.clock});
  if (!collector) {
    return tl::unexpected(collector.error());
  }
  exporter->collector_ = std::move(*collector);
  return exporter;
}

ExporterFigures PyroscopeExporter::figures() const {
  std::vector<std::pair<std::string, push::Figures>> endpoints;
  endpoints.reserve(endpoints_.size());
  for (const auto& endpoint : endpoints_) {
    endpoints.emplace_back(endpoint->name(), endpoint->figures());
  }
  ExporterFigures figures = push::figures_of(
      {.metrics = "heapwatch_pyroscope", .noun = "profile"}, endpoints,
      std::chrono::floor<std::chrono::milliseconds>(clock_().wall.time_since_epoch()).count());
  const CollectorFigures looks = collector_->figures();
  figures.counters.emplace_back("programs", looks.programs);
  figures.counters.emplace_back("profiles_unchanged", looks.unchanged);
  figures.counters.emplace_back("profiles_failed", looks.failed);
  const auto number = [](std::uint64_t count) { return static_cast<double>(count); };
  figures.families.push_back({.name = "heapwatch_pyroscope_programs",
                              .help = "Programs whose heap profiles are sent.",
                              .type = OwnFamily::Type::gauge,
                              .metrics = {{.labels = {}, .value = number(looks.programs)}}});
  figures.families.push_back(
      {.name = "heapwatch_pyroscope_looks_total",
       .help = "Looks at the heaps of programs, by what came of them.",
       .type = OwnFamily::Type::counter,
       .metrics = {{.labels = {{"result", "sent"}}, .value = number(looks.sent)},
                   {.labels = {{"result", "unchanged"}}, .value = number(looks.unchanged)},
                   {.labels = {{"result", "failed"}}, .value = number(looks.failed)}}});
  return figures;
}

bool PyroscopeExporter::drain(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  bool is_drained = true;
  for (const auto& endpoint : endpoints_) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    is_drained = endpoint->drain(std::max(left, std::chrono::milliseconds{0})) && is_drained;
  }
  return is_drained;
}

}  // namespace heapwatch::exporters::pyroscope
