// Metrics that somebody else counts, asked for at each scrape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace heapwatch::exporters::prometheus {

struct ProvidedMetric {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;         // of a summary: the sum
  std::uint64_t count = 0;  // of a summary
};

struct ProvidedFamily {
  enum class Type : std::uint8_t { counter, gauge, summary };
  std::string name;
  std::string help;
  Type type = Type::gauge;
  std::vector<ProvidedMetric> metrics;
};

/// `provide` is called from any thread, at several scrapes at once.
[[nodiscard]] std::shared_ptr<::prometheus::Collectable> provided(
    std::function<std::vector<ProvidedFamily>()> provide);

}  // namespace heapwatch::exporters::prometheus
