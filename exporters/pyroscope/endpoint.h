// One receiver of profiles.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "exporters/push/figures.h"
#include "exporters/push/outlet.h"
#include "exporters/pyroscope/message.h"

namespace heapwatch::exporters::pyroscope {

struct EndpointOptions {
  push::ReceiverOptions receiver;  // the address with the path of the API
  Api api = Api::push;
  prometheus::Labels external_labels;  // fill in what a program does not say
};

/// Threads: send() by one at a time, the others by any.
class Endpoint {
 public:
  /// Errors: those of Outlet::start().
  [[nodiscard]] static base::Result<std::unique_ptr<Endpoint>> start(EndpointOptions options,
                                                                     const base::Clock& clock);

  /// What its queue has no room for is dropped and counted.
  void send(Ready ready);

  [[nodiscard]] const std::string& name() const { return outlet_->receiver().name; }
  [[nodiscard]] push::Figures figures() const { return outlet_->figures(); }
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout) { return outlet_->drain(timeout); }

 private:
  explicit Endpoint(EndpointOptions options) : options_(std::move(options)) {}

  EndpointOptions options_;
  std::unique_ptr<push::Outlet> outlet_;
};

}  // namespace heapwatch::exporters::pyroscope
