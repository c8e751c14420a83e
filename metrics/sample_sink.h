// The seam between taking measurements and doing something with them.
#pragma once

#include "metrics/sample.h"

namespace heapwatch::metrics {

/// Receives what check runs measure.
///
/// Everything that measures writes to a SampleSink and knows nothing of aggregation or export.
///
/// Threads: one check instance has one sink, and its runs never overlap; an implementation shared
/// by several locks for itself. Ownership: the argument is the caller's and may be gone when
/// submit() returns; copy what you keep. Errors: none. A sink that cannot take a sample drops it
/// and counts it.
class SampleSink {
 public:
  SampleSink() = default;
  SampleSink(const SampleSink&) = delete;
  SampleSink& operator=(const SampleSink&) = delete;
  virtual ~SampleSink() = default;

  virtual void submit(const Sample& sample) = 0;
  virtual void submit(const ServiceCheck& check) = 0;
  virtual void submit(const Event& event) = 0;
};

}  // namespace heapwatch::metrics
