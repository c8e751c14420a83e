#include "check/check.h"

namespace heapwatch::check {

base::Result<RunReport> HttpCheck::run(metrics::SampleSink& sink) {
  for (;;) {
    const auto asked = request();
    if (!asked) {
      return tl::unexpected(asked.error());
    }
    auto outcome = consume(net::fetch(**asked, filter()), sink);
    if (!asks_again()) {
      return outcome;
    }
  }
}

}  // namespace heapwatch::check
