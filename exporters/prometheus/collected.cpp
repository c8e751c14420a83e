#include "exporters/prometheus/collected.h"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <algorithm>
#include <set>
#include <utility>

#include "exporters/prometheus/family.h"

namespace heapwatch::exporters::prometheus {

namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

FamilyType type_of(const MetricFamily& family) {
  switch (family.type) {
    case MetricType::Counter:
      return FamilyType::counter;
    case MetricType::Gauge:
      return FamilyType::gauge;
    case MetricType::Summary:
      return FamilyType::summary;
    case MetricType::Histogram:
      return FamilyType::histogram;
    case MetricType::Untyped:
      break;
  }
  return FamilyType::unknown;
}

std::string labels_of(const ClientMetric& metric, const Labels& constant) {
  Labels labels;
  for (const ClientMetric::Label& label : metric.label) {
    labels.emplace(label.name, label.value);
  }
  labels.insert(constant.begin(), constant.end());
  return render(labels);
}

struct Lines {
  std::string& out;
  const FamilyText& text;
  Format format;

  void add(Part part, const std::string& labels, const std::string& extra, double value) const {
    add(part, labels, extra, base::Number::of(value));
  }
  void add(Part part, const std::string& labels, const std::string& extra,
           const base::Number& value) const {
    out += text.sample(format, part);
    out += enclose(labels, extra);
    append_value_line(out, value);
  }
};

void append_metric(const Lines& lines, FamilyType type, const ClientMetric& metric,
                   const std::string& labels) {
  const auto boundary = [](const char* name, double value) {
    return name + ("=\"" + boundary_text(value)) + "\"";
  };
  switch (type) {
    case FamilyType::counter:
      lines.add(Part::plain, labels, "", metric.counter.value);
      return;
    case FamilyType::quartiles:
    case FamilyType::lone_total:
      return;  // type_of() makes none
    case FamilyType::gauge:
      lines.add(Part::plain, labels, "", metric.gauge.value);
      return;
    case FamilyType::unknown:
      lines.add(Part::plain, labels, "", metric.untyped.value);
      return;
    case FamilyType::summary:
      for (const auto& [quantile, value] : metric.summary.quantile) {
        lines.add(Part::plain, labels, boundary("quantile", quantile), value);
      }
      lines.add(Part::sum, labels, "", metric.summary.sample_sum);
      lines.add(Part::count, labels, "", base::Number::of(metric.summary.sample_count));
      return;
    case FamilyType::histogram:
      for (const auto& [count, bound] : metric.histogram.bucket) {
        lines.add(Part::bucket, labels, boundary("le", bound), base::Number::of(count));
      }
      lines.add(Part::sum, labels, "", metric.histogram.sample_sum);
      lines.add(Part::count, labels, "", base::Number::of(metric.histogram.sample_count));
      return;
  }
}

/// The first family of a name, and those that come to the same name after it.
struct Merged {
  std::string base;
  FamilyType type = FamilyType::unknown;
  std::vector<const MetricFamily*> parts;
};

std::vector<Merged> merge(const std::vector<MetricFamily>& families, const SeriesPage& page,
                          std::vector<std::string>& left_out) {
  std::vector<Merged> merged;
  std::set<std::string> taken;
  for (const MetricFamily& family : families) {
    const FamilyType type = type_of(family);
    const std::string base = type == FamilyType::counter ? without_total(family.name) : family.name;
    const auto first = std::find_if(merged.begin(), merged.end(), [&](const Merged& other) {
      return other.base == base && other.type == type;
    });
    if (first != merged.end()) {
      first->parts.push_back(&family);
      continue;
    }
    const auto names = claimed_names(base, type);
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) {
          return taken.count(name) != 0 || page.taken_by(name) != nullptr;
        })) {
      left_out.push_back(family.name);
      continue;
    }
    taken.insert(names.begin(), names.end());
    merged.push_back({base, type, {&family}});
  }
  return merged;
}

}  // namespace

std::vector<std::string> append_collected(std::string& out, Format format,
                                          const Collectables& collectables, const SeriesPage& page,
                                          const Labels& constant) {
  std::vector<MetricFamily> families;
  for (const auto& collectable : collectables) {
    std::vector<MetricFamily> collected = collectable->Collect();
    std::move(collected.begin(), collected.end(), std::back_inserter(families));
  }
  std::vector<std::string> left_out;
  for (const Merged& family : merge(families, page, left_out)) {
    const MetricFamily& first = *family.parts.front();
    const FamilyText text({.base = family.base, .plain_name = first.name, .suffixes = true},
                          family.type, first.help);
    std::set<std::string> seen;
    const Lines lines{out, text, format};
    for (const MetricFamily* const part : family.parts) {
      for (const ClientMetric& metric : part->metric) {
        std::string labels = labels_of(metric, constant);
        if (seen.empty()) {
          out += text.head(format);
        }
        if (seen.insert(labels).second) {
          append_metric(lines, family.type, metric, labels);
        }
      }
    }
  }
  return left_out;
}

}  // namespace heapwatch::exporters::prometheus
