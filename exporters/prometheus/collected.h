// What prometheus-cpp's collectables hold, written as the rest of the page is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exporters/prometheus/labels.h"
#include "exporters/prometheus/negotiation.h"
#include "exporters/prometheus/series_page.h"

namespace prometheus {
class Collectable;
}  // namespace prometheus

namespace heapwatch::exporters::prometheus {

using Collectables = std::vector<std::shared_ptr<::prometheus::Collectable>>;

/// Appends the families of all collectables, each once: metrics of the same family are put
/// together, the first of several with the same labels stays. Families whose names `page` has taken
/// are left out, and so are those of another type than the first of their name; returns their
/// names.
[[nodiscard]] std::vector<std::string> append_collected(std::string& out, Format format,
                                                        const Collectables& collectables,
                                                        const SeriesPage& page,
                                                        const Labels& constant);

}  // namespace heapwatch::exporters::prometheus
