// How the parts of an incident file are called; for its writer and its reader.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "history/store.h"

namespace heapwatch::history {

inline constexpr std::string_view incident_schema = "heapwatch.incident/1";
inline constexpr std::string_view incident_writer = "heapwatch history export";
inline constexpr const char* incident_manifest = "heapwatch.json";
inline constexpr std::array<std::string_view, tiers.size()> tier_names{"measured", "minute",
                                                                       "hour"};

/// Which block of frames a file is.
struct BlockName {
  std::int64_t life = 0;
  Tier tier = Tier::measured;
  std::int64_t number = 0;
};

[[nodiscard]] std::string file_of(const BlockName& block);
/// Absent when the file is no block.
[[nodiscard]] std::optional<BlockName> block_of(std::string_view file);

}  // namespace heapwatch::history
