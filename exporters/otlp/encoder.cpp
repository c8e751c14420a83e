#include "exporters/otlp/encoder.h"

#include <bit>

#include "base/utf8.h"
#include "exporters/push/wire.h"

namespace heapwatch::exporters::otlp {

namespace wire = push::wire;

namespace {

using base::Number;

// Field numbers. Source: opentelemetry/proto/{collector/metrics,metrics,common,resource}/v1
namespace request {
constexpr unsigned resource_metrics = 1;
}
namespace resource_metrics {
constexpr unsigned resource = 1;
constexpr unsigned scope_metrics = 2;
}  // namespace resource_metrics
namespace scope_metrics {
constexpr unsigned scope = 1;
constexpr unsigned metrics = 2;
}  // namespace scope_metrics
namespace metric {
constexpr unsigned name = 1;
constexpr unsigned description = 2;
constexpr unsigned gauge = 5;
constexpr unsigned sum = 7;
constexpr unsigned summary = 11;
}  // namespace metric
namespace sum {
constexpr unsigned aggregation_temporality = 2;
constexpr unsigned is_monotonic = 3;
constexpr std::uint64_t cumulative = 2;
}  // namespace sum
constexpr unsigned data_points = 1;  // of all shapes
namespace point {
constexpr unsigned start_time = 2;
constexpr unsigned time = 3;
constexpr unsigned as_double = 4;
constexpr unsigned as_int = 6;
constexpr unsigned attributes = 7;
constexpr unsigned flags = 8;
constexpr unsigned summary_count = 4;
constexpr unsigned summary_sum = 5;
constexpr unsigned summary_quantiles = 6;
constexpr std::uint64_t no_recorded_value = 1;
}  // namespace point
namespace key_value {
constexpr unsigned key = 1;
constexpr unsigned value = 2;
constexpr unsigned string_value = 1;
}  // namespace key_value
constexpr unsigned quantile_quantile = 1;
constexpr unsigned quantile_value = 2;

constexpr std::size_t head_bytes = 32;  // of a metric beside its texts and points, about

void put_fixed64_field(std::string& out, unsigned number, std::uint64_t bits) {
  out += wire::fixed64_field(number);
  wire::put_fixed(out, bits);
}

void put_double_field(std::string& out, unsigned number, double value) {
  put_fixed64_field(out, number, std::bit_cast<std::uint64_t>(value));
}

/// Texts of Protocol Buffers are UTF-8, and a receiver refuses a message with another.
std::string valid_text(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = base::character_bytes(text);
    if (length == 0) {
      valid += base::replacement_character;
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

void put_attribute(std::string& out, unsigned number, std::string_view key,
                   std::string_view value) {
  std::string any;
  wire::put_bytes_field(any, key_value::string_value, valid_text(value));
  std::string pair;
  wire::put_bytes_field(pair, key_value::key, valid_text(key));
  wire::put_bytes_field(pair, key_value::value, any);
  wire::put_bytes_field(out, number, pair);
}

/// By name, each once.
std::map<std::string, std::string, std::less<>> attributes_of_tags(
    const metrics::TagsAndHost& origin) {
  std::map<std::string, std::string, std::less<>> attributes;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (key.empty() || value.empty()) {
      return;
    }
    std::string& held = attributes[std::string(key)];
    held += (held.empty() ? "" : ",") + std::string(value);
  };
  add("host", origin.host().value_or(""));
  for (const std::string_view tag : origin.tags()) {
    const auto colon = tag.find(':');
    add(tag.substr(0, colon), colon == std::string_view::npos ? "true" : tag.substr(colon + 1));
  }
  return attributes;
}

void put_value(std::string& out, const Number& value) {
  if (const auto whole = value.to_int64()) {
    put_fixed64_field(out, point::as_int, static_cast<std::uint64_t>(*whole));
  } else {
    put_double_field(out, point::as_double, value.to_double());
  }
}

void put_summary(std::string& out, const Point& of) {
  const std::size_t quantiles = of.values.size() - 2;
  const Number& count = of.values[quantiles + 1];
  put_fixed64_field(out, point::summary_count,
                    count.to_uint64().value_or(static_cast<std::uint64_t>(count.to_double())));
  put_double_field(out, point::summary_sum, of.values[quantiles].to_double());
  constexpr double percent = 100;
  for (std::size_t i = 0; i < quantiles && i < of.percentiles.size(); ++i) {
    std::string one;
    put_double_field(one, quantile_quantile, of.percentiles[i] / percent);
    put_double_field(one, quantile_value, of.values[i].to_double());
    wire::put_bytes_field(out, point::summary_quantiles, one);
  }
}

}  // namespace

Encoder::Encoder(const Source& source) {
  std::string resource;
  for (const auto& [key, value] : source.resource) {
    put_attribute(resource, 1, key, value);
  }
  wire::put_bytes_field(resource_, resource_metrics::resource, resource);
  std::string scope;
  wire::put_bytes_field(scope, 1, source.scope);
  wire::put_bytes_field(scope, 2, source.scope_version);
  wire::put_bytes_field(scope_, scope_metrics::scope, scope);
}

Encoder::Shape Encoder::shape_of(prometheus::FamilyType type) {
  using Type = prometheus::FamilyType;
  switch (type) {
    case Type::counter:
    case Type::lone_total:
      return Shape::sum;
    case Type::summary:
    case Type::quartiles:
      return Shape::summary;
    default:
      return Shape::gauge;
  }
}

const std::string& Encoder::attributes_of(const metrics::Context& context) {
  if (!origin_ || !(origin_ == context.tags_and_host())) {
    std::string made;
    for (const auto& [key, value] : attributes_of_tags(*context.tags_and_host())) {
      put_attribute(made, point::attributes, key, value);
    }
    attributes_ = std::move(made);
    origin_ = context.tags_and_host();
  }
  return attributes_;
}

Encoder::Metric& Encoder::metric_of(const metrics::Context& context, Shape shape) {
  const auto [place, is_new] =
      places_.try_emplace({&*context.metric_name(), shape}, metrics_.size());
  if (is_new) {
    metrics_.push_back({.name = context.metric_name(), .shape = shape, .points = {}});
    bytes_ += context.name().size() + context.help().size() + head_bytes;
  }
  return metrics_[place->second];
}

void Encoder::add(const Point& of) {
  const Shape shape = shape_of(of.type);
  point_.clear();
  point_ += attributes_of(of.context);
  if (shape != Shape::gauge) {
    put_fixed64_field(point_, point::start_time, static_cast<std::uint64_t>(of.start_ns));
  }
  put_fixed64_field(point_, point::time, static_cast<std::uint64_t>(of.time_ns));
  if (of.values.empty()) {
    wire::put_varint_field(point_, point::flags, point::no_recorded_value);
  } else if (shape == Shape::summary) {
    put_summary(point_, of);
  } else {
    put_value(point_, of.values.front());
  }
  Metric& metric = metric_of(of.context, shape);
  const std::size_t before = metric.points.size();
  wire::put_bytes_field(metric.points, data_points, point_);
  bytes_ += metric.points.size() - before;
  ++points_;
}

std::string Encoder::metric_field(const Metric& metric) const {
  std::string body = metric.points;
  if (metric.shape == Shape::sum) {
    wire::put_varint_field(body, sum::aggregation_temporality, sum::cumulative);
    wire::put_varint_field(body, sum::is_monotonic, 1);
  }
  std::string fields;
  fields.reserve(body.size() + metric.name->name().size() + metric.name->help().size() +
                 head_bytes);
  wire::put_bytes_field(fields, metric::name, valid_text(metric.name->name()));
  if (!metric.name->help().empty()) {
    wire::put_bytes_field(fields, metric::description, valid_text(metric.name->help()));
  }
  const unsigned number = metric.shape == Shape::sum       ? metric::sum
                          : metric.shape == Shape::summary ? metric::summary
                                                           : metric::gauge;
  wire::put_bytes_field(fields, number, body);
  return fields;
}

std::string Encoder::take() {
  std::string scope = scope_;
  for (const Metric& metric : metrics_) {
    wire::put_bytes_field(scope, scope_metrics::metrics, metric_field(metric));
  }
  std::string resource = resource_;
  wire::put_bytes_field(resource, resource_metrics::scope_metrics, scope);
  std::string message;
  message.reserve(resource.size() + head_bytes);
  wire::put_bytes_field(message, request::resource_metrics, resource);
  metrics_.clear();
  places_.clear();
  points_ = 0;
  bytes_ = 0;
  return message;
}

}  // namespace heapwatch::exporters::otlp
