// An aggregator on a clock of its own, and its series as text.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "metrics/aggregator.h"

namespace heapwatch::metrics {

using base::Number;

inline constexpr auto uint64_max = std::numeric_limits<std::uint64_t>::max();

inline std::string text(const std::optional<Number>& number) {
  return number ? to_text(*number) : "-";
}

/// An aggregator on a clock that stands still until told otherwise.
class AggregatorTest : public testing::Test {
 protected:
  explicit AggregatorTest(AggregatorOptions options = {})
      : aggregator_(with_clock(std::move(options))) {}

  void submit(MetricType type, Number value, const Context& context) {
    aggregator_.submit({.context = context, .type = type, .value = value});
  }
  void submit(MetricType type, Number value) { submit(type, value, context_); }
  void submit(MetricType type, int value) { submit(type, Number::of(value)); }
  void submit_from_zero(MetricType type, int value) {
    aggregator_.submit(
        {.context = context_, .type = type, .value = Number::of(value), .flush_first_value = true});
  }

  /// Ends the run and returns "name value total" of its series, with distributions and drops.
  std::string commit() {
    aggregator_.commit(snapshot_);
    std::string out;
    for (const Series& series : snapshot_.series) {
      out += series.context.name() + " " + text(series.value) + " " + text(series.total);
      if (series.distribution) {
        out += " [";
        for (const Number& sample : series.distribution->run) {
          out += to_text(sample) + " ";
        }
        out += "] count " + std::to_string(series.distribution->count) + " sum " +
               to_text(Number::of(series.distribution->sum));
      }
      out += "; ";
    }
    for (const auto& [reason, count] : snapshot_.dropped) {
      out += "dropped " + reason + " " + std::to_string(count) + "; ";
    }
    return out;
  }

  void pass(std::chrono::nanoseconds time) {
    now_.wall += std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
    now_.steady += time;
  }

  base::Instant now_{std::chrono::sys_days(std::chrono::year(2026) / 1 / 31), {}};
  Context context_ = make_context({.name = "x", .tags = {}, .host = {}, .help = {}});
  Aggregator aggregator_;
  Snapshot snapshot_;

 private:
  AggregatorOptions with_clock(AggregatorOptions options) {
    options.clock = [this] { return now_; };
    return options;
  }
};

}  // namespace heapwatch::metrics
