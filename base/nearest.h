// "Did you mean": the known name closest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::base {

/// Those of `known` that a person may have meant by `name`, closest first, at most `most`.
/// Distance is the number of letters inserted, deleted, replaced or swapped with their neighbour,
/// case ignored; a third of the name's length (at least one) is the farthest that counts. A name
/// that begins with `name`, or the other way round, counts as distance 1.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view name,
                                                     std::span<const std::string_view> known,
                                                     std::size_t most = 3);

/// `; did you mean "a"?` or `; did you mean "a" or "b"?`, or empty when nothing is near.
[[nodiscard]] std::string did_you_mean(std::string_view name,
                                       std::span<const std::string_view> known);

}  // namespace heapwatch::base
