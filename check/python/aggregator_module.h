// The Python module `aggregator`: what checks submit, on its way to the sink of their run.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "check/python/host.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::python {

/// Makes `aggregator` importable; before the interpreter starts, once per process.
void add_aggregator_module(const Services& services);

/// While it lives, what is submitted under `check_id` goes to `sink`.
/// Threads: made, asked and destroyed with the GIL held, which also puts submissions in a row.
class SinkScope {
 public:
  SinkScope(std::string check_id, metrics::SampleSink& sink);
  SinkScope(const SinkScope&) = delete;
  SinkScope& operator=(const SinkScope&) = delete;
  ~SinkScope();

  /// Submissions that have no place in a sink, by their kind.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& dropped() const;

 private:
  std::string check_id_;
};

}  // namespace heapwatch::check::python
