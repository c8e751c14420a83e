#include "history/incident_parts.h"

#include <algorithm>
#include <charconv>

namespace heapwatch::history {

namespace {

constexpr std::string_view frames_folder = "frames/";

std::optional<std::int64_t> whole_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size() && value >= 0;
  return is_whole ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string file_of(const BlockName& block) {
  return std::string(frames_folder) + std::to_string(block.life) + "-" +
         std::string(tier_names[static_cast<std::size_t>(block.tier)]) + "-" +
         std::to_string(block.number);
}

std::optional<BlockName> block_of(std::string_view file) {
  if (!file.starts_with(frames_folder)) {
    return std::nullopt;
  }
  file.remove_prefix(frames_folder.size());
  const std::size_t first = file.find('-');
  const std::size_t last = file.rfind('-');
  if (first == std::string_view::npos || last == first) {
    return std::nullopt;
  }
  const auto life = whole_of(file.substr(0, first));
  const auto number = whole_of(file.substr(last + 1));
  const auto* const tier =
      std::find(tier_names.begin(), tier_names.end(), file.substr(first + 1, last - first - 1));
  if (!life || !number || tier == tier_names.end()) {
    return std::nullopt;
  }
  return BlockName{
      .life = *life, .tier = static_cast<Tier>(tier - tier_names.begin()), .number = *number};
}

}  // namespace heapwatch::history
