// The metrics page of many series: ours beside prometheus-cpp's serializer on the same data.
#include <benchmark/benchmark.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exporters/prometheus/exporter.h"

namespace heapwatch::exporters::prometheus {
namespace {

constexpr std::int64_t names = 100;

std::string name_of(std::int64_t i) {
  return "go_expvar_memstats_metric_" + std::to_string(i % names);
}
std::string url_of(std::int64_t i) {
  return "http://service-" + std::to_string(i / names) + ".example.com:6060/debug/vars";
}
std::uint64_t value_of(std::int64_t i) {
  return static_cast<std::uint64_t>(i) * 104729;
}

metrics::Snapshot snapshot_of(std::int64_t size) {
  metrics::Snapshot snapshot;
  metrics::Instance instance;
  instance.check_name = "go_expvar";
  instance.id = "go_expvar:1";
  snapshot.instance = std::make_shared<const metrics::Instance>(instance);
  for (std::int64_t i = 0; i < size; ++i) {
    metrics::Series series;
    series.context = metrics::make_context(
        {.name = name_of(i), .tags = {"expvar_url:" + url_of(i)}, .host = {}, .help = "help"});
    series.total = base::Number::of(value_of(i));
    snapshot.series.push_back(std::move(series));
  }
  return snapshot;
}

void BM_our_page(benchmark::State& state) {
  PrometheusExporter exporter;
  if (!exporter.publish(snapshot_of(state.range(0)))) {
    state.SkipWithError("not published");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(exporter.render("").body.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_our_publication(benchmark::State& state) {
  PrometheusExporter exporter;
  const metrics::Snapshot snapshot = snapshot_of(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(exporter.publish(snapshot));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_page_of_prometheus_cpp(benchmark::State& state) {
  ::prometheus::Registry registry;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    ::prometheus::BuildGauge()
        .Name(name_of(i))
        .Help("help")
        .Register(registry)
        .Add({{"expvar_url", url_of(i)}})
        .Set(static_cast<double>(value_of(i)));
  }
  const ::prometheus::TextSerializer serializer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(serializer.Serialize(registry.Collect()).data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(BM_our_page)->Arg(1000)->Arg(100'000);
BENCHMARK(BM_our_publication)->Arg(1000)->Arg(100'000);
BENCHMARK(BM_page_of_prometheus_cpp)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace heapwatch::exporters::prometheus
