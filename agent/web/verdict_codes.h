// Verdicts as numbers of the history. A place in these lists never changes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace heapwatch::agent::web {

inline constexpr std::array<std::string_view, 6> verdict_codes{"leak",    "cannot_tell", "load",
                                                               "filling", "retention",   "steady"};
inline constexpr std::array<std::string_view, 3> confidence_codes{"low", "medium", "high"};

/// Absent when the list has no such word.
template <typename Codes>
[[nodiscard]] std::optional<std::int64_t> code_of(const Codes& codes, std::string_view word) {
  const auto found = std::find(codes.begin(), codes.end(), word);
  return found == codes.end() ? std::nullopt : std::optional<std::int64_t>(found - codes.begin());
}

/// Empty when there is no such number.
template <typename Codes>
[[nodiscard]] std::string_view word_of(const Codes& codes, std::optional<std::int64_t> code) {
  const bool is_there = code && *code >= 0 && *code < static_cast<std::int64_t>(codes.size());
  return is_there ? codes[static_cast<std::size_t>(*code)] : std::string_view{};
}

}  // namespace heapwatch::agent::web
