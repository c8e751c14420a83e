// Rules that change the labels of a target, or drop it: Prometheus' relabel_configs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/section.h"

namespace re2 {
class RE2;
}

namespace heapwatch::discovery::relabel {

/// By name. A label without a value is one that is not there.
using Labels = std::map<std::string, std::string, std::less<>>;

inline constexpr std::size_t rules_max = 1000;
inline constexpr std::size_t regex_bytes_max = std::size_t{64} * 1024;
// Of a target, also between two rules.
inline constexpr std::size_t labels_max = 256;
inline constexpr std::size_t name_bytes_max = 1024;
inline constexpr std::size_t value_bytes_max = std::size_t{16} * 1024;

enum class Action : std::uint8_t {
  replace,
  keep,
  drop,
  keepequal,
  dropequal,
  hashmod,
  labelmap,
  labeldrop,
  labelkeep,
  lowercase,
  uppercase,
};

/// One rule, with Prometheus' defaults.
///
/// Threads: a rule that has been read may be used by any.
struct Rule {
  Action action = Action::replace;
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::shared_ptr<const re2::RE2> regex;  // from the begin of a text to its end; never null
  std::uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
};
using Rules = std::vector<Rule>;

/// The list of rules that `key` holds, empty when it is not there. What is wrong with it goes to
/// the section's diagnostics, and the result is then absent.
[[nodiscard]] std::optional<Rules> read_rules(config::Section& section, std::string_view key);

/// What the rules make of `labels`; empty: they drop the target. Errors: limit.
[[nodiscard]] base::Result<std::optional<Labels>> apply(const Rules& rules, Labels labels);

/// Any text as a part of a label's name: what a name cannot hold becomes `_`.
[[nodiscard]] std::string to_label_name(std::string_view text);

}  // namespace heapwatch::discovery::relabel
