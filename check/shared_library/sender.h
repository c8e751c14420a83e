// The library's side of the C ABI: a sink whose samples go out through a host's callbacks.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "check/shared_library/abi.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::shared_library {

/// Arrays of tags are made once per series.
///
/// Threads: not safe; one per check id. Ownership: what the callbacks get is good during the call.
class Sender final : public metrics::SampleSink {
 public:
  /// Before each run. The pointers must be good until its end.
  void begin(char* check_id, const aggregator_t& aggregator);

  void submit(const metrics::Sample& sample) override;
  void submit(const metrics::ServiceCheck& check) override;
  void submit(const metrics::Event& event) override;

 private:
  struct Rendered {
    std::string host;         // empty: the host program's
    std::vector<char*> tags;  // into the context's; ends in a null pointer
    std::uint64_t run = 0;    // that used it last
  };

  char* check_id_ = nullptr;
  const aggregator_t* aggregator_ = nullptr;
  std::uint64_t run_ = 0;
  std::unordered_map<metrics::Context, Rendered, metrics::ContextHash> rendered_;
};

}  // namespace heapwatch::check::shared_library
