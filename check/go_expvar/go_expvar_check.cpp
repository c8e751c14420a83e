#include "check/go_expvar/go_expvar_check.h"

#include <utility>

namespace heapwatch::check::go_expvar {

GoExpvarCheck::GoExpvarCheck(GoExpvarConfig config)
    : request_(*config.request),
      target_(std::move(config.target)),
      can_connect_tags_(std::move(config.can_connect_tags)),
      collector_(std::move(config.collector)) {}

base::Result<net::HttpRequestPtr> GoExpvarCheck::request() {
  return request_.get();
}

base::Result<RunReport> GoExpvarCheck::consume(const net::HttpResult& response,
                                               metrics::SampleSink& sink) {
  auto outcome = take(response, sink);
  if (can_connect_tags_) {
    using Status = metrics::ServiceCheckStatus;
    sink.submit(
        metrics::ServiceCheck{.name = "go_expvar.can_connect",
                              .status = outcome ? Status::ok : Status::critical,
                              .tags = *can_connect_tags_,
                              .host = {},
                              .message = outcome ? std::string() : outcome.error().message});
  }
  return outcome;
}

base::Result<RunReport> GoExpvarCheck::take(const net::HttpResult& response,
                                            metrics::SampleSink& sink) {
  if (!response) {
    return tl::unexpected(response.error());
  }
  if (response->status >= 300) {
    std::string message = net::status_text(response->status) + " for url: " + target_;
    if (response->status < 400) {
      message += "; a redirect is only followed with `allow_redirects: true`";
    }
    return base::fail(base::ErrorKind::refused, std::move(message));
  }
  return collector_.collect(response->body, sink);
}

}  // namespace heapwatch::check::go_expvar
