// The request for a target's page, as it is kept between the runs of thousands of targets.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace heapwatch::check {

/// What a request says besides its URL is held once for all targets that agree on it, and the whole
/// only while somebody sends it.
///
/// Threads: not safe; goes with its check.
class TargetRequest {
 public:
  explicit TargetRequest(const net::HttpRequest& request);

  /// The same object as before while that is still held, so that who keeps it knows it again.
  [[nodiscard]] net::HttpRequestPtr get();

 private:
  net::HttpRequestPtr common_;  // without the URL
  std::string url_;
  std::weak_ptr<const net::HttpRequest> last_;
};

}  // namespace heapwatch::check
