// The request for a target's page, as it is kept between the runs of thousands of targets.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/interned.h"
#include "net/http.h"

namespace heapwatch::check::http {

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
  struct Common {
    net::HttpRequest request;  // without the URL
    [[nodiscard]] std::uint64_t hash() const;
    bool operator==(const Common&) const = default;
  };

  base::Interned<Common> common_;
  std::string url_;
  std::weak_ptr<const net::HttpRequest> last_;
};

}  // namespace heapwatch::check::http
