// Remote write: samples a second of one core, from the snapshot to a receiver that only counts.
//
// The receiver is a process of its own, and so are its cycles. `samples_per_core_s` are samples by
// the CPU time of this process, all of its threads: publishing, encoding, compressing, the queue on
// the disk, HTTP.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "exporters/remote_write/exporter.h"
#include "tests/bench/counting_receiver.h"

namespace {

using namespace heapwatch;                           // NOLINT(google-build-using-namespace)
using namespace heapwatch::exporters::remote_write;  // NOLINT(google-build-using-namespace)

constexpr int series_of_target = 30;

std::vector<metrics::Snapshot> snapshots(int series) {
  std::vector<metrics::Snapshot> all;
  for (int target = 0; target * series_of_target < series; ++target) {
    const std::string url = "http://10.0." + std::to_string(target / 250) + "." +
                            std::to_string(target % 250) + ":8080/debug/vars";
    metrics::Instance instance;
    instance.check_name = "go_expvar";
    instance.id = "go_expvar:" + std::to_string(target);
    instance.target = url;
    metrics::Snapshot& made = all.emplace_back();
    made.instance = std::make_shared<const metrics::Instance>(std::move(instance));
    for (int i = 0; i < series_of_target; ++i) {
      metrics::Series one;
      one.context =
          metrics::make_context({.name = "go_expvar.memstats.value_" + std::to_string(i),
                                 .tags = {"expvar_url:" + url, "service:checkout"},
                                 .host = {},
                                 .help = "expvar path memstats/Value" + std::to_string(i)});
      one.type = i % 2 == 0 ? metrics::MetricType::gauge : metrics::MetricType::monotonic_counter;
      made.series.push_back(std::move(one));
    }
  }
  return all;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void remote_write(benchmark::State& state, Version version, bool on_disk) {
  const auto receiver = bench::CountingReceiver();
  std::string name = "/tmp/heapwatch-bench-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name.data());
  EndpointOptions endpoint;
  endpoint.receiver.name = "bench";
  endpoint.receiver.request.url = receiver.url();
  endpoint.version = version;
  endpoint.metadata = false;
  endpoint.receiver.memory_bytes_max = std::size_t{256} << 20U;
  if (on_disk) {
    endpoint.receiver.disk_folder = folder / "queue";
  }
  RemoteWriteOptions options;
  options.endpoints = {endpoint};
  auto exporter = RemoteWriteExporter::start(std::move(options));
  if (!exporter) {
    state.SkipWithError(exporter.error().message.c_str());
    return;
  }
  auto all = snapshots(static_cast<int>(state.range(0)));
  std::int64_t run = 0;
  const double before = cpu_seconds();
  std::uint64_t samples = 0;
  for (auto _ : state) {
    ++run;
    for (metrics::Snapshot& snapshot : all) {
      snapshot.time.wall =
          std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000 + run * 15));
      for (std::size_t i = 0; i < snapshot.series.size(); ++i) {
        snapshot.series[i].total =
            base::Number::of(static_cast<std::uint64_t>(run) * 4096 + i * 1'000'003);
      }
      benchmark::DoNotOptimize((*exporter)->publish(snapshot));
    }
    if (!(*exporter)->drain(std::chrono::minutes(1))) {
      state.SkipWithError("the receiver does not take it");
      break;
    }
  }
  const double cpu = cpu_seconds() - before;
  for (const auto& [counter, value] : (*exporter)->figures().counters) {
    samples = counter == "samples_sent" ? value : samples;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.counters["samples_per_core_s"] = static_cast<double>(samples) / cpu;
  exporter->reset();
  std::filesystem::remove_all(folder);
}

void one_in_memory(benchmark::State& state) {
  remote_write(state, Version::v1, false);
}
void one_on_disk(benchmark::State& state) {
  remote_write(state, Version::v1, true);
}
void two_on_disk(benchmark::State& state) {
  remote_write(state, Version::v2, true);
}
BENCHMARK(one_in_memory)
    ->Arg(1000)
    ->Arg(30'000)
    ->Arg(300'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(one_on_disk)
    ->Arg(1000)
    ->Arg(30'000)
    ->Arg(300'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(two_on_disk)
    ->Arg(1000)
    ->Arg(30'000)
    ->Arg(300'000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
