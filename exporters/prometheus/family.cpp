#include "exporters/prometheus/family.h"

#include <cmath>

#include "exporters/prometheus/labels.h"

namespace heapwatch::exporters::prometheus {

namespace {

constexpr std::string_view total = "_total";
constexpr std::array<std::string_view, 4> part_suffixes{"", "_bucket", "_sum", "_count"};

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
  for (std::size_t part = 0; part < part_suffixes.size(); ++part) {
    text.samples.at(part) = text_name + std::string(part_suffixes.at(part));
    openmetrics.samples.at(part) =
        (counts ? with_total : naming.base) + std::string(part_suffixes.at(part));
  }
}

std::vector<std::string> claimed_names(std::string_view base, FamilyType type) {
  std::vector<std::string> names{std::string(base)};
  const auto claim = [&](std::string_view suffix) { names.emplace_back(base).append(suffix); };
  switch (type) {
    case FamilyType::gauge:
    case FamilyType::unknown:
    case FamilyType::lone_total:
      break;
    case FamilyType::counter:
      claim(total);
      claim("_created");
      break;
    case FamilyType::histogram:
      claim("_bucket");
      [[fallthrough]];
    case FamilyType::summary:
    case FamilyType::quartiles:
      claim("_sum");
      claim("_count");
      claim("_created");
      break;
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
