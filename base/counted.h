// A count with its noun, as a person reads it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heapwatch::base {

/// `1 check instance`, `2 check instances`; `many` where an s at the end is not enough.
[[nodiscard]] inline std::string counted(std::uint64_t count, std::string_view one,
                                         std::string_view many = {}) {
  std::string text = std::to_string(count) + " ";
  if (count == 1 || many.empty()) {
    text += one;
    return text + (count == 1 ? "" : "s");
  }
  return text.append(many);
}

}  // namespace heapwatch::base
