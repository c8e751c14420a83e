// Targets as sources tell them, and the format in which Prometheus' tools write them to files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "discovery/relabel/relabel.h"

namespace heapwatch::discovery {

using relabel::Labels;

/// Where a target listens: HOST:PORT, or HOST alone.
inline constexpr std::string_view address_label = "__address__";

/// Targets that have their labels in common, and differ in where they listen.
struct Group {
  std::vector<std::string> addresses;
  Labels labels;  // `address_label` is not among them

  friend bool operator==(const Group&, const Group&) = default;
};
using Groups = std::vector<Group>;

/// Of one source.
struct Limits {
  std::size_t targets_max = 10'000;
};
inline constexpr std::size_t targets_limit_max = 1'000'000;
inline constexpr std::size_t group_labels_max = 250;
inline constexpr std::size_t address_bytes_max = 1024;
inline constexpr std::size_t list_bytes_max = std::size_t{16} * 1024 * 1024;

[[nodiscard]] std::size_t count_targets(const Groups& groups);
/// Errors: limit, when there are more targets than a source may have.
[[nodiscard]] base::Result<void> check_count(std::size_t targets, const Limits& limits);

/// The list of a file_sd or of an http_sd: `[{"targets": ["host:1"], "labels": {"a": "b"}}]`.
/// Errors: invalid, limit; the message names the group, counted from 1.
[[nodiscard]] base::Result<Groups> parse_json_list(std::string_view text, const Limits& limits);
/// The same as YAML, where scalars of whatever type are texts. An empty text is an empty list.
[[nodiscard]] base::Result<Groups> parse_yaml_list(std::string_view text, const Limits& limits);

/// The list as JSON, a group a line.
[[nodiscard]] std::string to_json(const Groups& groups);

}  // namespace heapwatch::discovery
