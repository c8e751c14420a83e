// Metrics a second from a snapshot into packets.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <vector>

#include "exporters/dogstatsd/line.h"
#include "exporters/dogstatsd/packer.h"

namespace {

using namespace heapwatch;

std::vector<metrics::Series> gauges(std::size_t count) {
  std::vector<metrics::Series> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i].context =
        metrics::make_context({"go_expvar.memstats.value_" + std::to_string(i),
                               {"expvar_url:http://127.0.0.1:8080/debug/vars", "env:prod"},
                               {},
                               ""});
    made[i].value = base::Number::of(i * 1'000'003);
  }
  return made;
}

void BM_lines_into_packets(benchmark::State& state) {
  const auto series = gauges(static_cast<std::size_t>(state.range(0)));
  exporters::dogstatsd::LineWriter writer({});
  std::size_t bytes = 0;
  exporters::dogstatsd::Packer packer(
      1432, [&bytes](const std::string& packet) { bytes += packet.size(); });
  std::string line;
  for (auto _ : state) {
    for (const auto& one : series) {
      line.clear();
      writer.append(line, one);
      packer.add(line);
    }
    packer.flush();
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(BM_lines_into_packets)->Arg(1000)->Arg(100'000);

}  // namespace
