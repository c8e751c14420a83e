#include "exporters/dogstatsd/dogstatsd_exporter.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/remembered.h"
#include "exporters/dogstatsd/figures.h"
#include "exporters/dogstatsd/origin.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

constexpr std::size_t udp_packet_bytes = 1432;   // fits an Ethernet frame
constexpr std::size_t unix_packet_bytes = 8192;  // the Agent's buffer
constexpr std::chrono::seconds telemetry_interval{10};

constexpr std::string_view telemetry_prefix = "datadog.dogstatsd.client.";

using Read = std::uint64_t (*)(const Counters&);
constexpr std::array<std::pair<std::string_view, Read>, 13> telemetry{{
    {"metrics", [](const Counters& c) { return c.metrics; }},
    {"events", [](const Counters& c) { return c.events; }},
    {"service_checks", [](const Counters& c) { return c.service_checks; }},
    {"metric_dropped_on_receive", [](const Counters& c) { return c.metric_dropped_on_receive(); }},
    {"packets_sent", [](const Counters& c) { return c.packets_sent; }},
    {"packets_dropped", [](const Counters& c) { return c.packets_dropped(); }},
    {"packets_dropped_queue", [](const Counters& c) { return c.packets_dropped_queue; }},
    {"packets_dropped_writer", [](const Counters& c) { return c.packets_dropped_writer; }},
    {"bytes_sent", [](const Counters& c) { return c.bytes_sent; }},
    {"bytes_dropped", [](const Counters& c) { return c.bytes_dropped(); }},
    {"bytes_dropped_queue", [](const Counters& c) { return c.bytes_dropped_queue; }},
    {"bytes_dropped_writer", [](const Counters& c) { return c.bytes_dropped_writer; }},
    {"aggregated_context", [](const Counters& c) { return c.aggregated_context; }},
}};
constexpr std::array<std::pair<std::string_view, std::array<std::uint64_t, 3> Counters::*>, 2>
    telemetry_by_type{{
        {"metrics_by_type", &Counters::metrics_by_type},
        {"aggregated_context_by_type", &Counters::aggregated_context_by_type},
    }};

DogStatsdOptions with_packet_size(DogStatsdOptions options) {
  if (options.packet_bytes_max == 0) {
    options.packet_bytes_max =
        options.address.scheme == Address::Scheme::udp ? udp_packet_bytes : unix_packet_bytes;
  }
  return options;
}

LineOptions line_options(const DogStatsdOptions& options) {
  LineOptions line;
  line.tags = options.tags;
  line.hostname = options.hostname;
  line.entity_id = options.entity_id;
  line.container_id = options.origin_detection ? detect_container() : std::string();
  line.external_data = options.external_data;
  line.cardinality = options.cardinality;
  line.timestamps = options.timestamps;
  line.aggregates = options.aggregates;
  line.line_bytes_max = options.packet_bytes_max;
  return line;
}

TransportOptions transport_options(const DogStatsdOptions& options) {
  TransportOptions transport;
  transport.address = options.address;
  transport.clock = options.clock;
  transport.log = options.log;
  transport.write_timeout = options.write_timeout;
  return transport;
}

std::string transport_name(Address::Scheme scheme) {
  switch (scheme) {
    case Address::Scheme::udp:
      return "udp";
    case Address::Scheme::unixstream:
      return "uds-stream";
    case Address::Scheme::unix_any:
    case Address::Scheme::unixgram:
      break;
  }
  return "uds";
}

void count(Counters& counters, const Written& written) {
  std::size_t contexts = 0;
  for (std::size_t type = 0; type < written.points.size(); ++type) {
    counters.metrics += written.points[type];
    counters.metrics_by_type[type] += written.points[type];
    // One series may become lines of two types when its aggregates are sent: it counts once.
    if (written.points[type] > 0 && contexts++ == 0) {
      ++counters.aggregated_context;
      ++counters.aggregated_context_by_type[type];
    }
  }
  counters.unsendable += written.unsendable;
  counters.oversize += written.oversize;
}

}  // namespace

DogStatsdExporter::DogStatsdExporter(DogStatsdOptions options)
    : options_(with_packet_size(std::move(options))),
      writer_(line_options(options_)),
      sender_(transport_options(options_), options_.queue_bytes_max, counters_),
      packer_(options_.packet_bytes_max,
              [this](std::string packet) { sender_.push(std::move(packet)); }),
      telemetry_tags_{"client:heapwatch", "client_version:" + options_.client_version,
                      "client_transport:" + transport_name(options_.address.scheme)},
      telemetry_due_(options_.clock().steady + telemetry_interval) {}

class DogStatsdExporter::Slices final : public Publication {
 public:
  Slices(DogStatsdExporter& exporter, const metrics::Snapshot& snapshot)
      : exporter_(exporter), snapshot_(snapshot) {}

  bool advance() override {
    try {
      constexpr std::size_t in_slice = 128;
      const std::size_t end = std::min(next_ + in_slice, snapshot_.series.size());
      for (; next_ < end; ++next_) {
        exporter_.publish(snapshot_.series[next_]);
      }
      if (next_ < snapshot_.series.size()) {
        return true;
      }
      exporter_.publish_rest(snapshot_);
    } catch (const std::bad_alloc&) {
      exporter_.lose(snapshot_);
    }
    return false;
  }

 private:
  DogStatsdExporter& exporter_;
  const metrics::Snapshot& snapshot_;
  std::size_t next_ = 0;
};

std::unique_ptr<Publication> DogStatsdExporter::begin(const metrics::Snapshot& snapshot) {
  try {
    return std::make_unique<Slices>(*this, snapshot);
  } catch (const std::bad_alloc&) {
    lose(snapshot);
    return nullptr;
  }
}

void DogStatsdExporter::lose(const metrics::Snapshot& snapshot) noexcept {
  lines_.clear();  // perhaps a part of a line
  losses_.add(*snapshot.instance);
}

base::Result<void> DogStatsdExporter::publish(const metrics::Snapshot& snapshot) {
  try {
    for (const metrics::Series& series : snapshot.series) {
      publish(series);
    }
    publish_rest(snapshot);
  } catch (const std::bad_alloc&) {
    lose(snapshot);
  }
  return {};
}

void DogStatsdExporter::publish(const metrics::Series& series) {
  const Written written = writer_.append(lines_, series);
  counters_.update([&](Counters& counters) { count(counters, written); });
  pack();
}

void DogStatsdExporter::publish_rest(const metrics::Snapshot& snapshot) {
  for (const metrics::ServiceCheck& check : snapshot.service_checks) {
    count_one(&Counters::service_checks, writer_.append(lines_, check));
    pack();
  }
  for (const metrics::Event& event : snapshot.events) {
    count_one(&Counters::events, writer_.append(lines_, event));
    pack();
  }
  if (options_.telemetry) {
    add_telemetry();
  }
  packer_.flush();
}

void DogStatsdExporter::count_one(std::uint64_t Counters::*counter, const Written& written) {
  counters_.update([&](Counters& counters) {
    count(counters, written);
    counters.*counter += written == Written{} ? 1 : 0;
  });
}

void DogStatsdExporter::pack() {
  packer_.add(lines_);
  lines_.clear();
}

void DogStatsdExporter::add_telemetry() {
  const auto now = options_.clock().steady;
  const Counters counters = counters_.read();
  // What was lost while the server was away is logged when it is back.
  if (now < telemetry_due_ || !counters.reachable) {
    return;
  }
  telemetry_due_ = now + telemetry_interval;
  for (const auto& [name, read] : telemetry) {
    writer_.append_count(lines_, std::string(telemetry_prefix) += name,
                         read(counters) - read(told_), telemetry_tags_);
    pack();
  }
  metrics::Tags tags = telemetry_tags_;
  tags.emplace_back();
  for (const auto& [name, member] : telemetry_by_type) {
    for (std::size_t type = 0; type < wire_type_names.size(); ++type) {
      tags.back() = "metrics_type:" + std::string(wire_type_names[type]);
      writer_.append_count(lines_, std::string(telemetry_prefix) += name,
                           (counters.*member)[type] - (told_.*member)[type], tags);
      pack();
    }
  }
  told_ = counters;
}

bool DogStatsdExporter::tidy() {
  if (base::remembers_enough()) {
    writer_.sweep();
  }
  return false;
}

ExporterFigures DogStatsdExporter::figures() const {
  return figures_of(counters(), packets_queued());
}

void DogStatsdExporter::forget(const metrics::Instance& /*instance*/) {
  // Nothing is kept by instance: what was rendered for a series goes after its context.
}

}  // namespace heapwatch::exporters::dogstatsd
