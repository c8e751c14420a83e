// What every check is, whatever it is written in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "metrics/sample_sink.h"
#include "net/http.h"

namespace heapwatch::check {

/// What a run that did not fail has to say.
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

  /// Whether its runs report what they leave behind themselves, with a profiler of their language.
  [[nodiscard]] virtual bool profiles_itself() const { return false; }
};

/// A check whose run is one HTTP exchange: the same code runs blocking, and on an event loop that
/// keeps thousands of targets going.
class HttpCheck : public Check {
 public:
  /// What to ask for in the next run. Errors: invalid, when a file it needs cannot be read.
  [[nodiscard]] virtual base::Result<net::HttpRequestPtr> request() = 0;
  /// What shortens the answer to it while it arrives; null when it is wanted whole.
  [[nodiscard]] virtual net::BodyFilterPtr filter() { return nullptr; }
  /// Takes what came back, the failure to get anything included.
  [[nodiscard]] virtual base::Result<RunReport> consume(const net::HttpResult& response,
                                                        metrics::SampleSink& sink) = 0;
  /// Whether what the filter kept was too little to tell what there is to tell. Then the run has
  /// come to nothing yet, and goes on with another request(), whose answer comes whole.
  [[nodiscard]] virtual bool asks_again() const { return false; }

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) final;
};

}  // namespace heapwatch::check
