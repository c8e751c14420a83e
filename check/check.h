// The interface of checks, in whatever language they are written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "metrics/sample_sink.h"
#include "net/http.h"

namespace heapwatch::check {

/// The result of a run that did not fail.
struct RunReport {
  std::vector<std::string> warnings;  // shown by `status`; the run counts as [WARNING]
  std::uint64_t body_bytes = 0;
  std::map<std::string, std::uint64_t> dropped;  // samples the check itself held back, by reason
};

/// One configured instance of a check.
///
/// Threads: runs of one instance never overlap, but may come from different threads.
/// Errors: a failed run returns its error; what it submitted before counts.
class Check {
 public:
  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  virtual ~Check() = default;

  /// Blocks until the run is over.
  [[nodiscard]] virtual base::Result<RunReport> run(metrics::SampleSink& sink) = 0;

  /// Whether its runs report the memory that they leave allocated by themselves, with a profiler of
  /// their language.
  [[nodiscard]] virtual bool profiles_itself() const { return false; }
};

/// A check whose run is one HTTP exchange: the same code runs blocking, and on an event loop that
/// keeps thousands of targets going.
class HttpCheck : public Check {
 public:
  /// The request of the next run. Errors: invalid, when a file it needs cannot be read.
  [[nodiscard]] virtual base::Result<net::HttpRequestPtr> request() = 0;
  /// A filter that shortens the response while it arrives; null: all of the body is wanted.
  [[nodiscard]] virtual net::BodyFilterPtr filter() { return nullptr; }
  /// Handles the response, or the failure to get one.
  [[nodiscard]] virtual base::Result<RunReport> consume(const net::HttpResult& response,
                                                        metrics::SampleSink& sink) = 0;
  /// Whether the filtered body held too little. The run has no result then, and goes on with
  /// another request(), whose body is not filtered.
  [[nodiscard]] virtual bool asks_again() const { return false; }

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) final;
};

}  // namespace heapwatch::check
