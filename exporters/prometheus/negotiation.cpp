#include "exporters/prometheus/negotiation.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/number.h"
#include "base/text.h"

namespace heapwatch::exporters::prometheus {

namespace {

constexpr std::string_view text_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view openmetrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr std::array<std::string_view, 4> escapings{"allow-utf-8", "underscores", "dots", "values"};

/// Takes the text before the next `separator` off the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const auto end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return base::trimmed(taken);
}

struct MediaRange {
  std::string_view type;
  std::string_view version;
  std::string_view escaping;
  double q = 1;  // 0 also when it cannot be read
};

MediaRange parse_media_range(std::string_view text) {
  MediaRange range;
  range.type = take(text, ';');
  while (!text.empty()) {
    std::string_view value = take(text, ';');
    const std::string_view name = take(value, '=');
    value = base::trimmed(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (base::same_ignoring_case(name, "q")) {
      const auto q = base::parse_number(value);
      range.q = q ? q->to_double() : 0;
    } else if (base::same_ignoring_case(name, "version")) {
      range.version = value;
    } else if (base::same_ignoring_case(name, "escaping")) {
      range.escaping = value;
    }
  }
  return range;
}

std::optional<Format> supported(const MediaRange& range) {
  if (base::same_ignoring_case(range.type, "application/openmetrics-text")) {
    return range.version.empty() || range.version == "1.0.0" ? std::optional(Format::openmetrics)
                                                             : std::nullopt;
  }
  if (base::same_ignoring_case(range.type, "text/plain")) {
    return range.version.empty() || range.version == "0.0.4" ? std::optional(Format::text)
                                                             : std::nullopt;
  }
  return range.type == "*/*" || base::same_ignoring_case(range.type, "text/*")
             ? std::optional(Format::text)
             : std::nullopt;
}

}  // namespace

Negotiated negotiate(std::string_view accept_header) {
  Format best_format = Format::text;
  MediaRange best;
  best.q = 0;
  while (!accept_header.empty()) {
    const MediaRange range = parse_media_range(take(accept_header, ','));
    const auto format = supported(range);
    if (format && range.q > best.q) {
      best_format = *format;
      best = range;
    }
  }
  if (best_format == Format::text) {
    return {Format::text, std::string(text_type)};
  }
  std::string content_type(openmetrics_type);
  if (!best.escaping.empty()) {
    const auto* const known = std::find(escapings.begin(), escapings.end(), best.escaping);
    content_type += "; escaping=";
    content_type += known == escapings.end() ? "underscores" : *known;
  }
  return {Format::openmetrics, std::move(content_type)};
}

}  // namespace heapwatch::exporters::prometheus
