// What heapwatch counts of itself, as series to be sent.
#pragma once

#include <vector>

#include "base/number.h"
#include "exporters/prometheus/collected.h"
#include "exporters/prometheus/family.h"
#include "metrics/context.h"

namespace heapwatch::exporters::push {

/// A row of a group that is no snapshot of an instance.
struct OwnRow {
  metrics::Context context;
  prometheus::FamilyType type = prometheus::FamilyType::gauge;
  base::Number value;
};

/// A summary becomes its sum and its count.
[[nodiscard]] std::vector<OwnRow> own_rows(const prometheus::Collectables& collectables);

}  // namespace heapwatch::exporters::push
