#include "check/go_expvar/go_collector.h"

#include <algorithm>
#include <array>
#include <utility>

#include "check/go_expvar/gc_pauses.h"
#include "check/target_url.h"

namespace heapwatch::check::go_expvar {

namespace {

using base::Number;
using metrics::MetricType;

struct Field {
  std::string_view member;  // of runtime.MemStats
  std::string_view name;
  std::string_view help;
  bool counts = false;
  bool nanoseconds = false;
};

// Names: those of the Go collector of Prometheus' Go client.
constexpr std::array<Field, 24> fields{{
    {"Alloc", "go_memstats_alloc_bytes", "Bytes of live heap objects"},
    {"TotalAlloc", "go_memstats_alloc_bytes_total", "Bytes allocated on the heap so far", true},
    {"Sys", "go_memstats_sys_bytes", "Bytes obtained from the system"},
    {"Lookups", "go_memstats_lookups_total", "Pointer lookups by the runtime", true},
    {"Mallocs", "go_memstats_mallocs_total", "Heap objects allocated so far", true},
    {"Frees", "go_memstats_frees_total", "Heap objects freed so far", true},
    {"HeapAlloc", "go_memstats_heap_alloc_bytes", "Bytes of live heap objects"},
    {"HeapSys", "go_memstats_heap_sys_bytes", "Bytes of heap obtained from the system"},
    {"HeapIdle", "go_memstats_heap_idle_bytes", "Bytes in spans without an object"},
    {"HeapInuse", "go_memstats_heap_inuse_bytes", "Bytes in spans with an object"},
    {"HeapReleased", "go_memstats_heap_released_bytes", "Bytes of heap given back to the system"},
    {"HeapObjects", "go_memstats_heap_objects", "Live heap objects"},
    {"StackInuse", "go_memstats_stack_inuse_bytes", "Bytes of stacks in use"},
    {"StackSys", "go_memstats_stack_sys_bytes", "Bytes of stacks obtained from the system"},
    {"MSpanInuse", "go_memstats_mspan_inuse_bytes", "Bytes of span structures in use"},
    {"MSpanSys", "go_memstats_mspan_sys_bytes", "Bytes obtained for span structures"},
    {"MCacheInuse", "go_memstats_mcache_inuse_bytes", "Bytes of cache structures in use"},
    {"MCacheSys", "go_memstats_mcache_sys_bytes", "Bytes obtained for cache structures"},
    {"BuckHashSys", "go_memstats_buck_hash_sys_bytes", "Bytes of the profiler's hash table"},
    {"GCSys", "go_memstats_gc_sys_bytes", "Bytes of the garbage collector's own data"},
    {"OtherSys", "go_memstats_other_sys_bytes", "Bytes of the runtime's other data"},
    {"NextGC", "go_memstats_next_gc_bytes", "Size of the heap at which the next collection begins"},
    {"LastGC", "go_memstats_last_gc_time_seconds", "When the last collection ended, in Unix time",
     false, true},
    {"GCCPUFraction", "go_memstats_gc_cpu_fraction",
     "Share of the processor time that the garbage collector took since the start"},
}};

constexpr double nanoseconds_per_second = 1e9;  // a divisor: 1e-9 itself is not exact

}  // namespace

GoCollector::GoCollector(const Options& options) {
  metrics::Tags tags = options.tags;
  tags.push_back("instance:" + place_of(options.target));
  const auto make = [&](std::string_view name, std::string help) -> metrics::Context {
    return options.allows(name) ? metrics::make_context({.name = std::string(name),
                                                         .tags = tags,
                                                         .host = options.host,
                                                         .help = std::move(help),
                                                         .audience = metrics::Audience::prometheus})
                                : metrics::Context();
  };
  for (const Field& field : fields) {
    contexts_.push_back(make(field.name, std::string(field.help) + " (expvar path memstats/" +
                                             std::string(field.member) + ")"));
  }
  pauses_ = make("go_gc_duration_seconds",
                 "Pauses of the garbage collector (expvar path memstats/PauseNs)");
}

std::vector<expvar::WantedPath> GoCollector::wanted_paths() {
  std::vector<expvar::WantedPath> wanted;
  wanted.reserve(std::size(fields));
  for (const Field& field : fields) {
    wanted.push_back({.path = *expvar::parse_path("memstats/" + std::string(field.member)),
                      .numbers_max = 1,
                      .others_max = 1});
  }
  return wanted;
}

void GoCollector::submit(const expvar::PageMatches& matches, std::size_t first, const GcPage& gc,
                         metrics::SampleSink& sink) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const expvar::Match* const match = matches.first(static_cast<expvar::WantedIndex>(first + i));
    if (match == nullptr || !match->number || !match->number->is_finite() || !contexts_[i]) {
      continue;
    }
    const Field& field = fields.at(i);
    sink.submit(metrics::Sample{
        .context = contexts_[i],
        .type = field.counts ? MetricType::monotonic_counter : MetricType::gauge,
        .value = field.nanoseconds ? Number::of(match->number->to_double() / nanoseconds_per_second)
                                   : *match->number,
        .value_is_total = field.counts});
  }
  submit_pauses(gc, sink);
}

/// Source: the quartiles of runtime/debug.ReadGCStats, over the pauses the ring still holds.
void GoCollector::submit_pauses(const GcPage& gc, metrics::SampleSink& sink) {
  const auto count = gc.collections ? gc.collections->to_uint64() : std::nullopt;
  if (!pauses_ || !count || !gc.pause_total) {
    return;
  }
  const Number sum = Number::of(gc.pause_total->to_double() / nanoseconds_per_second);
  // Without another collection there are no other pauses.
  if (!quartiles_ || !(quartiles_->count == *gc.collections) || !(quartiles_->sum == sum)) {
    quartiles_ = nullptr;
    PauseRing ring;
    if (!read_pauses(gc.pauses, ring)) {
      return;
    }
    // Before the ring is full its first slots are the ones in use.
    sorted_.clear();
    for (std::size_t slot = 0; slot < std::min<std::uint64_t>(*count, ring.size()); ++slot) {
      sorted_.push_back(ring.at(slot).to_double() / nanoseconds_per_second);
    }
    std::sort(sorted_.begin(), sorted_.end());
    auto made = std::make_shared<metrics::Quartiles>();
    const std::size_t last = made->values.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      const double value = sorted_.empty() ? 0
                           : i == last     ? sorted_.back()
                                           : sorted_[sorted_.size() * i / last];
      made->values.at(i) = Number::of(value);
    }
    made->sum = sum;
    made->count = *gc.collections;
    quartiles_ = std::move(made);
  }
  sink.submit(metrics::Sample{.context = pauses_,
                              .type = MetricType::gauge,
                              .value = *gc.collections,
                              .quartiles = quartiles_});
}

}  // namespace heapwatch::check::go_expvar
