// Takes what came for ENC[handle] out of texts of those who were handed it, such as checks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"

namespace heapwatch::config {

/// Shorter ones are not looked for: texts are full of them.
inline constexpr std::size_t masked_bytes_min = 6;

struct Mask {
  std::string text;
  std::string shown;  // `ENC[handle]`
  bool operator==(const Mask&) const = default;
};

/// The secrets in `values` and, of those that are addresses, the parts that are shown by
/// themselves: the address without its query, path and query, each of the two, the password. Longer
/// ones first.
[[nodiscard]] std::vector<Mask> masks_of(const std::vector<const Value*>& values);

/// `text` with what the masks name replaced by what is shown for it.
[[nodiscard]] std::string masked(std::string text, const std::vector<Mask>& masks);

}  // namespace heapwatch::config
