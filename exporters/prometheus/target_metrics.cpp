#include "exporters/prometheus/target_metrics.h"

namespace heapwatch::exporters::prometheus {

void TargetMetrics::show(SharedPage& shared, const metrics::Snapshot& snapshot) {
  SeriesGroup::Run run(group_, shared);
  values_.for_each(snapshot, [&](const metrics::Context& context, const base::Number& value) {
    run.put(context, FamilyType::gauge, {&value, 1});
  });
  run.end();
}

}  // namespace heapwatch::exporters::prometheus
