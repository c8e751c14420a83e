// A large run on its way to the metrics page: what its longest slice takes of the event loop,
// beside the whole publication.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "exporters/prometheus/exporter.h"

namespace heapwatch::exporters::prometheus {
namespace {

double processor_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// Each series has a name of its own.
metrics::Snapshot run_of(std::int64_t first, std::int64_t size) {
  metrics::Snapshot run;
  metrics::Instance instance;
  instance.check_name = "go_expvar";
  instance.id = "go_expvar:1";
  run.instance = std::make_shared<const metrics::Instance>(instance);
  for (std::int64_t i = first; i < first + size; ++i) {
    metrics::Series series;
    series.context = metrics::make_context({.name = "large.series_" + std::to_string(i),
                                            .tags = {"expvar_url:http://localhost:5000/debug/vars"},
                                            .host = {},
                                            .help = "help"});
    series.total = base::Number::of(i);
    run.series.push_back(std::move(series));
  }
  return run;
}

/// Publishes the run in slices; adds what the longest took, and all.
void publish(PrometheusExporter& exporter, const metrics::Snapshot& run, double& longest,
             double& all) {
  const auto publication = exporter.begin(run);
  for (bool goes_on = true; goes_on;) {
    const double began = processor_ms();
    goes_on = publication->advance();
    const double took = processor_ms() - began;
    longest = std::max(longest, took);
    all += took;
  }
}

void report(benchmark::State& state, double longest, double all) {
  state.counters["longest_slice_ms"] = longest;
  state.counters["publication_ms"] = all / static_cast<double>(state.iterations());
}

void BM_same_names(benchmark::State& state) {
  PrometheusExporter exporter;
  const metrics::Snapshot run = run_of(0, state.range(0));
  double longest = 0;
  double all = 0;
  publish(exporter, run, longest, all);
  longest = 0;
  all = 0;
  for (auto _ : state) {
    publish(exporter, run, longest, all);
  }
  report(state, longest, all);
}

void BM_fresh_names(benchmark::State& state) {
  PrometheusExporter exporter;
  double longest = 0;
  double all = 0;
  std::int64_t first = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const metrics::Snapshot run = run_of(first, state.range(0));
    first += state.range(0);
    state.ResumeTiming();
    publish(exporter, run, longest, all);
    while (exporter.tidy()) {
    }
  }
  report(state, longest, all);
}

BENCHMARK(BM_same_names)->Arg(1'000)->Arg(200'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_fresh_names)->Arg(1'000)->Arg(200'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace heapwatch::exporters::prometheus
