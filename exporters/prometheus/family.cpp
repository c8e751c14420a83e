#include "exporters/prometheus/family.h"

#include <cmath>

#include "exporters/prometheus/labels.h"

namespace heapwatch::exporters::prometheus {

namespace {

constexpr std::string_view total = "_total";
constexpr std::array<std::string_view, 4> part_suffixes{"", "_bucket", "_sum", "_count"};
constexpr std::array<std::string_view, 3> counter_suffixes{"", total, "_created"};
constexpr std::array<std::string_view, 4> summary_suffixes{"", "_sum", "_count", "_created"};
constexpr std::array<std::string_view, 5> histogram_suffixes{"", "_bucket", "_sum", "_count",
                                                             "_created"};

std::string head(const std::string& name, std::string_view type, std::string_view help,
                 bool escape_quotes) {
  std::string out = "# HELP " + name + " ";
  append_escaped(out, help, escape_quotes);
  out += "\n# TYPE " + name + " ";
  out += type;
  out += '\n';
  return out;
}

}  // namespace

std::string_view to_text(FamilyType type) {
  constexpr std::array<std::string_view, 7> names{"counter", "gauge",   "summary", "histogram",
                                                  "unknown", "summary", "counter"};
  return names.at(static_cast<std::size_t>(type));
}

FamilyText::FamilyText(const Naming& naming, FamilyType type, std::string_view help) {
  const bool counts = type == FamilyType::counter;
  const std::string with_total = naming.base + std::string(total);
  std::string text_name = naming.base;
  if (counts) {
    text_name = naming.suffixes ? with_total : naming.plain_name;
  }
  Texts& text = texts_[static_cast<std::size_t>(Format::text)];
  Texts& openmetrics = texts_[static_cast<std::size_t>(Format::openmetrics)];
  text.head = prometheus::head(text_name, type == FamilyType::unknown ? "untyped" : to_text(type),
                               help, false);
  openmetrics.head = prometheus::head(
      naming.base, to_text(type == FamilyType::lone_total ? FamilyType::unknown : type), help,
      true);
  const bool has_parts = claimed_suffixes(type).size() > counter_suffixes.size();
  for (std::size_t part = 0; part < (has_parts ? part_suffixes.size() : 1); ++part) {
    text.samples.at(part) = text_name + std::string(part_suffixes.at(part));
    openmetrics.samples.at(part) =
        (counts ? with_total : naming.base) + std::string(part_suffixes.at(part));
  }
}

std::size_t FamilyText::bytes() const {
  std::size_t bytes = 0;
  for (const Texts& texts : texts_) {
    bytes += texts.head.capacity();
    for (const std::string& sample : texts.samples) {
      bytes += sample.capacity();
    }
  }
  return bytes;
}

std::span<const std::string_view> claimed_suffixes(FamilyType type) {
  switch (type) {
    case FamilyType::counter:
      return counter_suffixes;
    case FamilyType::histogram:
      return histogram_suffixes;
    case FamilyType::summary:
    case FamilyType::quartiles:
      return summary_suffixes;
    default:
      return std::span(counter_suffixes).first(1);
  }
}

std::vector<std::string> claimed_names(std::string_view base, FamilyType type) {
  std::vector<std::string> names;
  for (const std::string_view suffix : claimed_suffixes(type)) {
    names.emplace_back(base).append(suffix);
  }
  return names;
}

std::string without_total(std::string name) {
  while (name.size() > total.size() &&
         name.compare(name.size() - total.size(), total.size(), total) == 0) {
    name.resize(name.size() - total.size());
  }
  return name;
}

void append_value_line(std::string& out, const base::Number& value) {
  if (value.is_finite()) {
    append_number(out, value);
    out += '\n';
  } else if (std::isnan(value.to_double())) {
    out += "NaN\n";
  } else {
    out += value.is_negative() ? "-Inf\n" : "+Inf\n";
  }
}

std::string enclose(std::string_view labels, std::string_view extra) {
  if (labels.empty() && extra.empty()) {
    return " ";
  }
  std::string out = "{";
  out += labels;
  if (!labels.empty() && !extra.empty()) {
    out += ',';
  }
  out += extra;
  out += "} ";
  return out;
}

std::string boundary_text(double boundary) {
  if (std::isinf(boundary)) {
    return boundary < 0 ? "-Inf" : "+Inf";
  }
  std::string text = base::to_text(base::Number::of(boundary));
  if (text.find_first_not_of("-0123456789") == std::string::npos) {
    text += ".0";
  }
  return text;
}

}  // namespace heapwatch::exporters::prometheus
