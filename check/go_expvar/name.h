// From the path of a variable to the name of its metric.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace heapwatch::check::go_expvar {

/// The name that the Agent's base check makes of `metric` (keys joined with dots) below `prefix`:
/// characters become ASCII, CamelCase becomes snake_case, what a name cannot hold becomes `_`.
///
/// The prefix takes the same way but for the first step and the last (its characters outside ASCII
/// become `_`, and it keeps double underscores). Without a prefix there is no dot in front either.
[[nodiscard]] std::string normalize(std::string_view metric,
                                    const std::optional<std::string>& prefix);

/// NFKD, then without everything outside ASCII: "ü" is "u", "ﬁ" is "fi", "日本" is empty. Bytes
/// that are no UTF-8 are dropped.
[[nodiscard]] std::string ascii_of(std::string_view utf8);

}  // namespace heapwatch::check::go_expvar
