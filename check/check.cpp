#include "check/check.h"

namespace heapwatch::check {

base::Result<RunReport> HttpCheck::run(metrics::SampleSink& sink) {
  const auto asked = request();
  return asked ? consume(net::fetch(**asked), sink) : tl::unexpected(asked.error());
}

}  // namespace heapwatch::check
