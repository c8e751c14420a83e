// A sink that keeps samples as lines of text: `name type value tags`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/number.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check {

class RecordingSink final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& sample) override {
    std::string line = sample.context.name() + ' ' + std::string(to_text(sample.type)) + ' ' +
                       base::to_text(sample.value);
    for (const std::string_view tag : sample.context.tags()) {
      line.append(1, ' ').append(tag);
    }
    lines.push_back(std::move(line));
    contexts.push_back(sample.context);
    totals.push_back(sample.value_is_total);
    from_zero.push_back(sample.flush_first_value);
  }
  void submit(const metrics::ServiceCheck& check) override {
    lines.push_back(check.name);
    service_checks.push_back(check);
  }
  void submit(const metrics::Event& event) override { lines.push_back(event.title); }

  std::vector<std::string> lines;
  std::vector<metrics::Context> contexts;
  std::vector<bool> totals;
  std::vector<bool> from_zero;  // flush_first_value
  std::vector<metrics::ServiceCheck> service_checks;
};

}  // namespace heapwatch::check
