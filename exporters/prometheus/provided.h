// Metrics that somebody else counts, asked for at each scrape.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "exporters/own_family.h"

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace heapwatch::exporters::prometheus {

/// `provide` is called from any thread, at several scrapes at once.
[[nodiscard]] std::shared_ptr<::prometheus::Collectable> provided(
    std::function<std::vector<OwnFamily>()> provide);

}  // namespace heapwatch::exporters::prometheus
