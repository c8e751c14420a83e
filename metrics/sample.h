// One measurement as a check submits it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/number.h"
#include "metrics/context.h"

namespace heapwatch::metrics {

/// The types of the Agent's sender, spelled as conf.d spells them.
enum class MetricType : std::uint8_t {
  gauge,
  rate,
  count,
  counter,
  monotonic_counter,
  histogram,
  historate,
  set,
};

[[nodiscard]] std::string_view to_text(MetricType type);

/// What a target itself makes of a distribution: its quantiles 0, 0.25, 0.5, 0.75 and 1, and the
/// sum and count of all values so far.
struct Quartiles {
  std::array<base::Number, 5> values;
  base::Number sum;
  base::Number count;
};

struct Sample {
  const Context& context;
  MetricType type = MetricType::gauge;
  base::Number value;

  /// `value` is the running total of the series even if the type is a count: a page of expvars
  /// shows totals, and the cumulative face of the series is then this value and not the sum of the
  /// samples.
  bool value_is_total = false;

  /// rate and monotonic_counter: what the first sample, and a sample below the last one, count from
  /// is zero.
  bool flush_first_value = false;

  /// When it was measured; the moment of submit() if absent.
  std::optional<base::Instant> time = std::nullopt;

  /// The element of a `set`; other types leave it empty.
  std::string_view element = {};

  /// Of a gauge that stands for a distribution; its value is then the count.
  std::shared_ptr<const Quartiles> quartiles = nullptr;
};

enum class ServiceCheckStatus : std::uint8_t { ok, warning, critical, unknown };

struct ServiceCheck {
  std::string name;
  ServiceCheckStatus status = ServiceCheckStatus::unknown;
  Tags tags;
  std::string host;
  std::string message;
};

struct Event {
  std::string title;
  std::string text;
  std::optional<std::chrono::sys_seconds> time;
  std::string host;
  std::string priority;    // "normal" or "low"; empty: not said
  std::string alert_type;  // "error", "warning", "info" or "success"; empty: not said
  std::string aggregation_key;
  std::string source_type_name;
  Tags tags;
};

}  // namespace heapwatch::metrics
