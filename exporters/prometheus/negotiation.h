// Which form of the page a scraper gets for its Accept header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::exporters::prometheus {

enum class Format : std::uint8_t { text, openmetrics };

struct Negotiated {
  Format format = Format::text;
  std::string content_type;
};

/// The supported media type of the highest q, the first of equals; text 0.0.4 when the header is
/// blank or names nothing supported. An `escaping` asked for with OpenMetrics is answered in the
/// Content-Type: every name on the page is within the classic characters, which satisfies all of
/// them. Source: Prometheus' content negotiation, RFC 9110 section 12.5.1.
[[nodiscard]] Negotiated negotiate(std::string_view accept_header);

}  // namespace heapwatch::exporters::prometheus
