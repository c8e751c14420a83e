#include "pprof/graph.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace heapwatch::pprof {
namespace {

std::uint64_t hash_info(const NodeInfo& info) {
  std::uint64_t hash = hash_word(info.name, info.file);
  hash = hash_word(hash, info.object_file);
  hash = hash_word(hash, info.address);
  hash = hash_word(hash, static_cast<std::uint64_t>(info.line));
  hash = hash_word(hash, static_cast<std::uint64_t>(info.column));
  return hash_word(hash, static_cast<std::uint64_t>(info.start_line));
}

std::string hex16(std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  std::string text(digits.data(), end);
  return text.insert(0, digits.size() - text.size(), '0');
}

}  // namespace

std::int64_t Weight::value() const {
  if (divisor == 0) {
    return sum;
  }
  return divisor == -1 ? wrapping_negate(sum) : sum / divisor;
}

GraphBuilder::GraphBuilder(const Profile& profile, GraphOptions options)
    : profile_(profile), options_(std::move(options)) {
  first_node_.reserve(profile.locations.size() + 1);
  for (const Location& location : profile.locations) {
    first_node_.push_back(static_cast<std::uint32_t>(location_nodes_.size()));
    const auto lines = profile.lines_of(location);
    if (lines.empty()) {
      location_nodes_.push_back(add_node(info_of(location, nullptr)));
    }
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::uint32_t node = add_node(info_of(location, &lines[i]));
      location_nodes_.push_back(node);
      if (i + 1 != lines.size()) {
        is_inlined_[node] = true;
      }
    }
  }
  first_node_.push_back(static_cast<std::uint32_t>(location_nodes_.size()));
}

std::uint32_t GraphBuilder::add_node(const NodeInfo& info) {
  const auto next = static_cast<std::uint32_t>(infos_.size());
  const std::uint32_t at = info_index_.find_or_add(
      hash_info(info), next, [&](std::uint32_t other) { return infos_[other] == info; });
  if (at == next) {
    infos_.push_back(info);
    is_inlined_.push_back(false);
  }
  return at;
}

NodeInfo GraphBuilder::info_of(const Location& location, const Line* line) {
  const StringId object_file =
      location.mapping == no_index ? 0 : profile_.mappings[location.mapping].file;
  NodeInfo info{.address = location.address};
  if (line == nullptr) {
    info.object_file = object_file;
    return info;
  }
  const Function& function = profile_.functions[line->function];
  info.name = function.name;
  info.file = function.file;
  info.line = line->line;
  info.column = line->column;
  if (options_.keep_object_files || function.name == 0) {
    info.object_file = object_file;
    info.start_line = function.start_line;
  }
  return info;
}

bool GraphBuilder::is_shown(const Weight& flat, const Weight& cum) const {
  if (cum.sum == 0 && flat.sum == 0) {
    return false;
  }
  const bool is_negative = flat.sum < 0 || (flat.sum == 0 && cum.sum < 0);
  return !(options_.drop_negative && is_negative);
}

std::vector<std::uint32_t> GraphBuilder::shown(const NodeWeights& weights) const {
  std::vector<std::uint32_t> identities;
  for (std::uint32_t i = 0; i < infos_.size(); ++i) {
    if (is_shown(weights.flat[i], weights.cum[i])) {
      identities.push_back(i);
    }
  }
  return identities;
}

std::vector<std::string> name_parts(const NodeInfo& info, std::string_view name,
                                    std::string_view file, std::string_view object_file) {
  std::vector<std::string> parts;
  if (info.address != 0) {
    parts.push_back(hex16(info.address));
  }
  if (!name.empty()) {
    parts.emplace_back(name);
  }
  if (info.line != 0) {
    std::string place = std::string(file) + ":" + std::to_string(info.line);
    if (info.column != 0) {
      place += ":" + std::to_string(info.column);
    }
    parts.push_back(std::move(place));
  } else if (!file.empty()) {
    parts.emplace_back(file);
  } else if (name.empty()) {
    parts.push_back(object_file.empty() ? "<unknown>"
                                        : "[" + std::string(base_name(object_file)) + "]");
  }
  return parts;
}

std::string printable_name(const NodeInfo& info, const StringTable& strings) {
  std::string joined;
  for (const std::string& part :
       name_parts(info, strings[info.name], strings[info.file], strings[info.object_file])) {
    if (!joined.empty()) {
      joined += ' ';
    }
    joined += part;
  }
  return joined;
}

}  // namespace heapwatch::pprof
