#include "exporters/prometheus/provided.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

namespace heapwatch::exporters::prometheus {

namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

ClientMetric to_client(const OwnMetric& metric, OwnFamily::Type type) {
  ClientMetric made;
  for (const auto& [name, value] : metric.labels) {
    made.label.push_back({name, value});
  }
  switch (type) {
    case OwnFamily::Type::counter:
      made.counter.value = metric.value;
      break;
    case OwnFamily::Type::gauge:
      made.gauge.value = metric.value;
      break;
    case OwnFamily::Type::summary:
      made.summary.sample_sum = metric.value;
      made.summary.sample_count = metric.count;
      break;
  }
  return made;
}

MetricType to_client(OwnFamily::Type type) {
  switch (type) {
    case OwnFamily::Type::counter:
      return MetricType::Counter;
    case OwnFamily::Type::summary:
      return MetricType::Summary;
    case OwnFamily::Type::gauge:
      break;
  }
  return MetricType::Gauge;
}

class Provided final : public ::prometheus::Collectable {
 public:
  explicit Provided(std::function<std::vector<OwnFamily>()> provide)
      : provide_(std::move(provide)) {}

  [[nodiscard]] std::vector<MetricFamily>
  Collect()  // NOLINT(readability-identifier-naming): theirs
      const override {
    std::vector<MetricFamily> families;
    for (const OwnFamily& family : provide_()) {
      MetricFamily made{family.name, family.help, to_client(family.type), {}};
      for (const OwnMetric& metric : family.metrics) {
        made.metric.push_back(to_client(metric, family.type));
      }
      families.push_back(std::move(made));
    }
    return families;
  }

 private:
  std::function<std::vector<OwnFamily>()> provide_;
};

}  // namespace

std::shared_ptr<::prometheus::Collectable> provided(
    std::function<std::vector<OwnFamily>()> provide) {
  return std::make_shared<Provided>(std::move(provide));
}

}  // namespace heapwatch::exporters::prometheus
