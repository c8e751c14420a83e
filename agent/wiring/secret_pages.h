// Which of the agent's pages are not for everybody who reaches them.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace heapwatch::agent::wiring {

/// Pages that show profiles, or processes and what is in their memory.
[[nodiscard]] inline bool is_secret_page(std::string_view path) {
  constexpr std::array<std::string_view, 4> secret{"/debug/pprof/heap", "/debug/pprof/allocs",
                                                   "/debug/memory", "/api/v1/"};
  return std::any_of(secret.begin(), secret.end(),
                     [&](std::string_view start) { return path.starts_with(start); });
}

}  // namespace heapwatch::agent::wiring
