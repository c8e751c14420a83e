#include "exporters/pyroscope/exporter.h"

#include <utility>

#include "exporters/push/endpoints.h"

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
  ExporterFigures figures = push::figures_of_all(
      {.metrics = "heapwatch_pyroscope", .noun = "profile"}, endpoints_, clock_);
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
  return push::drain_all(endpoints_, timeout);
}

}  // namespace heapwatch::exporters::pyroscope
