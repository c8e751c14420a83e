// From Datadog's names and tags to Prometheus' names and labels.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "metrics/context.h"

namespace heapwatch::exporters::prometheus {

/// Label names and values; a label without a value is one that is not there.
using Labels = std::map<std::string, std::string, std::less<>>;

/// Each character outside [a-zA-Z0-9_:] becomes `_`, and `_` goes before a leading digit.
[[nodiscard]] std::string metric_name(std::string_view name);

/// Each character outside [a-zA-Z0-9_] becomes `_`, underscores that begin a name with `__` go, `_`
/// goes before a leading digit, and `le` and `quantile` become `exported_le` and
/// `exported_quantile`.
[[nodiscard]] std::string label_name(std::string_view key);

/// `key:value` tags and bare tags (the value is "true"), and the host as `host`. Values of the same
/// label are joined by `,` in the order of the tags. `constant` fills in what the tags do not say.
[[nodiscard]] Labels labels_of(const metrics::TagsAndHost& tags_and_host, const Labels& constant);

/// `a="b",c="d"`: escaped, without braces.
[[nodiscard]] std::string render(const Labels& labels);

/// Appends `text` with backslashes and newlines escaped, and quotes too if `quotes`. Bytes that are
/// not UTF-8 become U+FFFD, for one of them makes a scraper refuse the whole page.
void append_escaped(std::string& out, std::string_view text, bool quotes);

}  // namespace heapwatch::exporters::prometheus
