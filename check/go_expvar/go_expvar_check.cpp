#include "check/go_expvar/go_expvar_check.h"

#include <utility>

namespace heapwatch::check::go_expvar {

GoExpvarCheck::GoExpvarCheck(GoExpvarConfig config)
    : request_(*config.request),
      target_(std::move(config.target)),
      lost_entries_(std::move(config.lost_entries)),
      can_connect_tags_(std::move(config.can_connect_tags)),
      collector_(std::move(config.collector)) {
  if (config.profile) {
    profile_ = std::make_unique<ToldProfilePage>(*std::move(config.profile));
  }
}

base::Result<net::HttpRequestPtr> GoExpvarCheck::request() {
  if (profile_) {
    profile_->tell();
  }
  return request_.get();
}

net::BodyFilterPtr GoExpvarCheck::filter() {
  condenser_ = nullptr;
  if (whole_runs_ > 0) {
    --whole_runs_;
  } else {
    condenser_ = collector_.condenser();
  }
  return condenser_;
}

base::Result<RunReport> GoExpvarCheck::consume(const net::HttpResult& response,
                                               metrics::SampleSink& sink) {
  asks_again_ = false;
  auto outcome = take(response, sink);
  condenser_ = nullptr;
  if (asks_again_) {
    return outcome;
  }
  if (outcome) {
    outcome->warnings.insert(outcome->warnings.begin(), lost_entries_.begin(), lost_entries_.end());
  }
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
  if (!response->filtered) {
    return collector_.collect(response->body, sink);
  }
  std::optional<RunReport> report;
  if (!condenser_->gave_up()) {
    report = collector_.collect_condensed(response->body, response->body_bytes, sink);
  }
  if (!report) {
    // What is wrong with a page is wrong with it the next time too.
    constexpr unsigned runs = 100;
    whole_runs_ = runs;
    asks_again_ = true;
  }
  return std::move(report).value_or(RunReport{});
}

}  // namespace heapwatch::check::go_expvar
