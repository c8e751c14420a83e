// Points to messages of OTLP: ExportMetricsServiceRequest, in Protocol Buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/interned.h"
#include "base/number.h"
#include "exporters/prometheus/family.h"
#include "metrics/context.h"

namespace heapwatch::exporters::otlp {

using Attributes = std::vector<std::pair<std::string, std::string>>;

/// What all points of a message have in common.
struct Source {
  Attributes resource;
  std::string scope;
  std::string scope_version;
};

struct Point {
  const metrics::Context& context;
  prometheus::FamilyType type = prometheus::FamilyType::gauge;
  /// One, or of a summary the quantiles, the sum and the count; none: the series has ended.
  std::span<const base::Number> values = {};
  /// Of the quantiles, in percent.
  std::span<const int> percentiles = {};
  std::int64_t start_ns = 0;
  std::int64_t time_ns = 0;
};

/// Fills one message. The points of a metric stand together in it, whatever the order in which they
/// come: a counter is a sum that is cumulative and monotonic, a distribution a summary, all else a
/// gauge. Integers that fit 64 bits with a sign are written as such; others are doubles.
///
/// Attributes are the tags: what stands before the first colon is the name, a tag without one is
/// "true", several of one name are joined by commas.
///
/// Threads: not safe. Errors: a point for which there is no memory is not in the message.
class Encoder {
 public:
  explicit Encoder(const Source& source);

  void add(const Point& of);

  [[nodiscard]] bool empty() const { return points_ == 0; }
  [[nodiscard]] std::size_t points() const { return points_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// The message so far; the encoder is empty afterwards.
  [[nodiscard]] std::string take();

 private:
  enum class Shape : std::uint8_t { gauge, sum, summary };
  struct Metric {
    base::Interned<metrics::MetricName> name;
    Shape shape = Shape::gauge;
    std::string points;  // fields of the gauge, the sum or the summary
  };

  [[nodiscard]] static Shape shape_of(prometheus::FamilyType type);
  [[nodiscard]] const std::string& attributes_of(const metrics::Context& context);
  [[nodiscard]] Metric& metric_of(const metrics::Context& context, Shape shape);
  [[nodiscard]] std::string metric_field(const Metric& metric) const;

  std::string resource_;  // fields of ResourceMetrics and ScopeMetrics that are always the same
  std::string scope_;
  std::vector<Metric> metrics_;  // in the order of their first points
  std::map<std::pair<const metrics::MetricName*, Shape>, std::size_t> places_;
  std::size_t points_ = 0;
  std::size_t bytes_ = 0;
  base::Interned<metrics::TagsAndHost> origin_;  // of the point before
  std::string attributes_;                       // its
  std::string point_;                            // that is written
};

}  // namespace heapwatch::exporters::otlp
