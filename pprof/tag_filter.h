// The tagfocus and tagignore options: `[key=]value`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/profile.h"
#include "pprof/regex.h"

namespace heapwatch::pprof {

/// A condition on the labels of a sample: a range of numbers, or regular expressions.
class TagFilter {
 public:
  /// `option` is the name to use in messages.
  static base::Result<TagFilter> compile(const char* option, std::string value, const Warn& warn);

  [[nodiscard]] bool matches(const Profile& profile, std::span<const Label> labels,
                             const LabelUnits& units) const;

 private:
  /// Inclusive bounds in one unit.
  struct Range {
    std::optional<double> low;
    std::optional<double> high;
    std::string unit;
    [[nodiscard]] bool contains(std::int64_t value, const std::string& from) const;
  };
  static std::optional<Range> parse_range(const std::string& text);
  [[nodiscard]] bool texts_match(const Profile& profile, std::span<const Label> labels) const;

  std::optional<std::string> key_;
  std::optional<Range> range_;
  std::vector<Regex> regexes_;
};

}  // namespace heapwatch::pprof
