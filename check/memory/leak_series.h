// What is told of leaks: metrics and a service check for each set of tags, and events.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "check/memory/board.h"
#include "check/memory/published.h"
#include "check/memory/sums.h"

namespace heapwatch::check::memory {

/// The number of a verdict in the metric `process.memory.leak.verdict`: the larger the worse, so
/// that the maximum over processes is the worst of them.
///
/// 0 steady, 1 retention, 2 follows the load, 3 still filling, 4 cannot tell, 5 leak.
[[nodiscard]] int number_of(leak::Verdict verdict);

/// OK without a leak; UNKNOWN when nothing can be told; WARNING for a leak, and CRITICAL for one
/// that is sure.
[[nodiscard]] metrics::ServiceCheckStatus status_of(leak::Verdict verdict,
                                                    leak::Confidence confidence);

/// The processes of an instance that have the same tags are one: their rates add up, and the worst
/// verdict counts.
class LeakSums {
 public:
  /// `spaces`: those in which the process has memory; without a leak their rate is 0.
  void add(const metrics::Tags& tags, ProcessVerdict verdict,
           const std::vector<std::string>& spaces);
  /// `host` and the tags of the instance are those of `check`, whose rest is not looked at.
  void submit(const Destination& to, metrics::SampleSink& sink,
              const metrics::ServiceCheck& check) const;

 private:
  struct Sum {
    std::map<std::string, double> rates;  // bytes a second, by space
    ProcessVerdict worst;
    std::size_t processes = 0;
    std::size_t leaking = 0;
  };
  std::map<metrics::Tags, Sum> sums_;
};

/// The event that tells a change. Its tags are those of the series, and never a pid, which is in
/// the text.
[[nodiscard]] metrics::Event event_of(const Change& change, const ProcessVerdict& verdict,
                                      metrics::Tags tags, const std::string& host);

}  // namespace heapwatch::check::memory
