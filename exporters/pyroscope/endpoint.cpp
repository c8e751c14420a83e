#include "exporters/pyroscope/endpoint.h"

#include <utility>

#include "base/hash.h"

namespace heapwatch::exporters::pyroscope {

base::Result<std::unique_ptr<Endpoint>> Endpoint::start(EndpointOptions options,
                                                        const base::Clock& clock) {
  auto endpoint = std::unique_ptr<Endpoint>(new Endpoint(std::move(options)));
  auto outlet =
      push::Outlet::start(endpoint->options_.receiver,
                          {.protocol = &protocol_of(endpoint->options_.api), .clock = clock});
  if (!outlet) {
    return tl::unexpected(outlet.error());
  }
  endpoint->outlet_ = std::move(*outlet);
  return endpoint;
}

void Endpoint::send(Ready ready) {
  ready.labels.insert(options_.external_labels.begin(), options_.external_labels.end());
  push::Batch batch;
  batch.lanes = options_.receiver.lanes;
  batch.lane = static_cast<std::uint16_t>(base::fnv1a(ready.service) % batch.lanes);
  batch.count_sample(
      std::chrono::floor<std::chrono::milliseconds>(ready.until.time_since_epoch()).count());
  batch.message = message_of(ready, options_.api);
  outlet_->pass(std::move(batch));
}

}  // namespace heapwatch::exporters::pyroscope
