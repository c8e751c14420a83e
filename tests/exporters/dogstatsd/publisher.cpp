// Plays an agent for tests written in Python: reads commands, publishes, and answers a line each.
//
// publisher ADDRESS [packet_bytes_max [write_timeout_ms]]
//   publish N        a snapshot of N gauges "load.<i>"; answers the counters
//   random SEED N    N series, checks and events of random bytes; answers the counters
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>

#include "exporters/dogstatsd/dogstatsd_exporter.h"

namespace {

using namespace heapwatch;
using namespace std::string_view_literals;
using exporters::dogstatsd::Counters;
using exporters::dogstatsd::DogStatsdExporter;
using exporters::dogstatsd::DogStatsdOptions;

class RandomText {
 public:
  explicit RandomText(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }

  /// Mostly bytes with a meaning.
  std::string text(std::size_t bytes_max) {
    constexpr auto special = "|:,#@\n\r\0_e{}scm\\T\xc3\xa9\xff"sv;
    std::string made;
    for (auto left = below(bytes_max + 1); left > 0; --left) {
      made += below(3) != 0 ? special[below(special.size())] : static_cast<char>(below(256));
    }
    return made;
  }

  metrics::Tags tags() {
    metrics::Tags made;
    for (auto left = below(5); left > 0; --left) {
      made.push_back(text(20));
    }
    return made;
  }

  base::Number number() {
    switch (below(4)) {
      case 0:
        return base::Number::of(engine_());
      case 1:
        return base::Number::of(static_cast<std::int64_t>(engine_()));
      default:
        return base::Number::of(
            std::ldexp(static_cast<double>(static_cast<std::int64_t>(engine_())),
                       static_cast<int>(below(2100)) - 1100));
    }
  }

 private:
  std::mt19937_64 engine_;
};

metrics::Snapshot random_snapshot(std::uint64_t seed, std::size_t count) {
  RandomText random(seed);
  metrics::Snapshot made;
  for (std::size_t i = 0; i < count; ++i) {
    auto& series = made.series.emplace_back();
    series.context = metrics::make_context({random.text(30), random.tags(), random.text(5), ""});
    series.type = static_cast<metrics::MetricType>(random.below(8));
    series.value = random.number();
    auto& samples = series.distribution.emplace().run;
    samples.resize(random.below(200));
    std::generate(samples.begin(), samples.end(), [&] { return random.number(); });

    auto& check = made.service_checks.emplace_back();
    check = {random.text(20), static_cast<metrics::ServiceCheckStatus>(random.below(4)),
             random.tags(), random.text(10), random.text(2000)};
    auto& event = made.events.emplace_back();
    event = {random.text(20), random.text(2000), std::nullopt,   random.text(5), "low",
             "info",          random.text(9),    random.text(9), random.tags()};
  }
  return made;
}

metrics::Snapshot gauges(std::size_t count) {
  metrics::Snapshot made;
  for (std::size_t i = 0; i < count; ++i) {
    auto& series = made.series.emplace_back();
    series.context = metrics::make_context({"load." + std::to_string(i), {"a:b"}, {}, ""});
    series.value = base::Number::of(i);
  }
  return made;
}

void print(const Counters& counters) {
  std::cout << "metrics=" << counters.metrics << " sent=" << counters.packets_sent
            << " dropped=" << counters.packets_dropped() << " reachable=" << counters.reachable
            << " unsendable=" << counters.unsendable << " oversize=" << counters.oversize
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const auto address = exporters::dogstatsd::parse_address(argc > 1 ? argv[1] : "");
  if (!address) {
    std::cerr << address.error().message << '\n';
    return 2;
  }
  DogStatsdOptions options;
  options.address = *address;
  options.telemetry = false;
  options.timestamps = true;
  options.tags = {"global:tag"};
  options.packet_bytes_max = argc > 2 ? std::stoul(argv[2]) : 0;
  if (argc > 3) {
    options.write_timeout = std::chrono::milliseconds(std::stoul(argv[3]));
  }
  DogStatsdExporter exporter(options);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::uint64_t seed = 0;
    std::size_t count = 0;
    words >> command;
    if (command == "random") {
      words >> seed;
    }
    words >> count;
    (void)exporter.publish(command == "random" ? random_snapshot(seed, count) : gauges(count));
    (void)exporter.drain(std::chrono::seconds{30});
    print(exporter.counters());
  }
}
