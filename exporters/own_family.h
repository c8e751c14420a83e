// A metric that heapwatch counts of itself, ready for a page of metrics.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace heapwatch::exporters {

struct OwnMetric {
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;         // of a summary: the sum
  std::uint64_t count = 0;  // of a summary
};

struct OwnFamily {
  enum class Type : std::uint8_t { counter, gauge, summary };
  std::string name;  // with a line in docs/metrics.csv
  std::string help;
  Type type = Type::gauge;
  std::vector<OwnMetric> metrics;
};

}  // namespace heapwatch::exporters
