// Nanoseconds per sample of a steady run: submit and commit of contexts that all are known.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/aggregator.h"

namespace heapwatch::metrics {
namespace {

void run_steadily(benchmark::State& state, MetricType type) {
  std::vector<Context> contexts;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    contexts.push_back(make_context({.name = "bench.metric." + std::to_string(i),
                                     .tags = {"expvar_url:http://localhost/debug/vars"},
                                     .host = {},
                                     .help = {}}));
  }
  Aggregator aggregator;
  Snapshot snapshot;
  std::uint64_t value = 0;
  for (auto _ : state) {
    ++value;
    for (const Context& context : contexts) {
      aggregator.submit({.context = context, .type = type, .value = base::Number::of(value)});
    }
    aggregator.commit(snapshot);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_gauges(benchmark::State& state) {
  run_steadily(state, MetricType::gauge);
}
void BM_rates(benchmark::State& state) {
  run_steadily(state, MetricType::rate);
}
void BM_monotonic_counters(benchmark::State& state) {
  run_steadily(state, MetricType::monotonic_counter);
}
void BM_histograms(benchmark::State& state) {
  run_steadily(state, MetricType::histogram);
}

BENCHMARK(BM_gauges)->Arg(1000)->Arg(100'000);
BENCHMARK(BM_rates)->Arg(1000)->Arg(100'000);
BENCHMARK(BM_monotonic_counters)->Arg(1000)->Arg(100'000);
BENCHMARK(BM_histograms)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace heapwatch::metrics
