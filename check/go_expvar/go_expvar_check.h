// The go_expvar check: a page of Go's expvar, once per run.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"
#include "check/go_expvar/config.h"
#include "check/go_expvar/page_collector.h"
#include "check/http/target_request.h"
#include "check/profile_pages.h"

namespace heapwatch::check::go_expvar {

class GoExpvarCheck final : public HttpCheck {
 public:
  explicit GoExpvarCheck(GoExpvarConfig config);

  [[nodiscard]] base::Result<net::HttpRequestPtr> request() override;
  [[nodiscard]] net::BodyFilterPtr filter() override;
  /// Errors: of the exchange; refused, for a status of 300 or more; of PageCollector::collect().
  [[nodiscard]] base::Result<RunReport> consume(const net::HttpResult& response,
                                                metrics::SampleSink& sink) override;
  [[nodiscard]] bool asks_again() const override { return asks_again_; }

 private:
  [[nodiscard]] base::Result<RunReport> take(const net::HttpResult& response,
                                             metrics::SampleSink& sink);

  http::TargetRequest request_;
  std::string target_;
  std::unique_ptr<ToldProfilePage> profile_;  // null: nobody wants it
  std::vector<std::string> lost_entries_;
  std::optional<metrics::Tags> can_connect_tags_;
  PageCollector collector_;
  std::shared_ptr<CondensedBody> condenser_;  // of the run that is going on
  unsigned whole_runs_ = 0;                   // to come, without a condenser
  bool asks_again_ = false;
};

}  // namespace heapwatch::check::go_expvar
