#include "exporters/dogstatsd/figures.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::exporters::dogstatsd {

namespace {

using Type = OwnFamily::Type;

OwnMetric metric(std::uint64_t value) {
  return {.labels = {}, .value = static_cast<double>(value)};
}

OwnMetric by_reason(const char* reason, std::uint64_t value) {
  return {.labels = {{"reason", reason}}, .value = static_cast<double>(value)};
}

std::vector<std::pair<std::string, std::uint64_t>> named(const Counters& counters) {
  return {
      {"metrics", counters.metrics},
      {"events", counters.events},
      {"service_checks", counters.service_checks},
      {"metric_dropped_on_receive", counters.metric_dropped_on_receive()},
      {"packets_sent", counters.packets_sent},
      {"packets_dropped", counters.packets_dropped()},
      {"packets_dropped_queue", counters.packets_dropped_queue},
      {"packets_dropped_writer", counters.packets_dropped_writer},
      {"bytes_sent", counters.bytes_sent},
      {"bytes_dropped", counters.bytes_dropped()},
      {"reachable", counters.reachable ? 1U : 0U},
  };
}

std::vector<OwnFamily> families_of(const Counters& counters) {
  return {
      {.name = "heapwatch_dogstatsd_metrics_total",
       .help = "Values put on lines for DogStatsD.",
       .type = Type::counter,
       .metrics = {metric(counters.metrics)}},
      {.name = "heapwatch_dogstatsd_metrics_dropped_total",
       .help = "Values that no line or packet can hold, by reason.",
       .type = Type::counter,
       .metrics = {by_reason("unsendable", counters.unsendable),
                   by_reason("oversize", counters.oversize)}},
      {.name = "heapwatch_dogstatsd_packets_sent_total",
       .help = "Packets sent to DogStatsD.",
       .type = Type::counter,
       .metrics = {metric(counters.packets_sent)}},
      {.name = "heapwatch_dogstatsd_packets_dropped_total",
       .help = "Packets lost: the queue was full, or nobody took them.",
       .type = Type::counter,
       .metrics = {by_reason("queue", counters.packets_dropped_queue),
                   by_reason("writer", counters.packets_dropped_writer)}},
      {.name = "heapwatch_dogstatsd_bytes_sent_total",
       .help = "Bytes sent to DogStatsD.",
       .type = Type::counter,
       .metrics = {metric(counters.bytes_sent)}},
      {.name = "heapwatch_dogstatsd_bytes_dropped_total",
       .help = "Bytes of the packets lost.",
       .type = Type::counter,
       .metrics = {by_reason("queue", counters.bytes_dropped_queue),
                   by_reason("writer", counters.bytes_dropped_writer)}},
      {.name = "heapwatch_dogstatsd_reachable",
       .help = "0 while packets are known to be lost.",
       .type = Type::gauge,
       .metrics = {metric(counters.reachable ? 1U : 0U)}},
  };
}

}  // namespace

ExporterFigures figures_of(const Counters& counters, std::size_t packets_queued) {
  return {.counters = named(counters), .queued = packets_queued, .families = families_of(counters)};
}

}  // namespace heapwatch::exporters::dogstatsd
