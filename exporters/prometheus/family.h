// What a family of series is called on the page, in both formats.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/number.h"
#include "exporters/prometheus/negotiation.h"

namespace heapwatch::exporters::prometheus {

enum class FamilyType : std::uint8_t {
  counter,
  gauge,
  summary,
  histogram,
  unknown,
  quartiles,  // a summary with the quantiles 0, 0.25, 0.5, 0.75 and 1, whatever is configured
  /// A counter whose name without `_total` belongs to a gauge: OpenMetrics has no place for both,
  /// so it is of unknown type there and keeps its name.
  lone_total,
};

[[nodiscard]] std::string_view to_text(FamilyType type);

/// Which sample of a family a line is; `plain` is the only one of counters, gauges and unknowns,
/// and the quantiles of a summary.
enum class Part : std::uint8_t { plain, bucket, sum, count };

/// The texts of a family that do not change: its head and the names of its samples.
class FamilyText {
 public:
  /// `base` is the name without `_total`. Without `suffixes` a counter of the text format is called
  /// `plain_name`; OpenMetrics demands `_total`.
  struct Naming {
    std::string base;
    std::string plain_name;
    bool suffixes = true;
  };
  FamilyText(const Naming& naming, FamilyType type, std::string_view help);

  /// Both HELP and TYPE.
  [[nodiscard]] const std::string& head(Format format) const { return of(format).head; }
  [[nodiscard]] const std::string& sample(Format format, Part part) const {
    return of(format).samples[static_cast<std::size_t>(part)];
  }
  /// Held outside of itself.
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Texts {
    std::string head;
    std::array<std::string, 4> samples;
  };
  [[nodiscard]] const Texts& of(Format format) const {
    return texts_[static_cast<std::size_t>(format)];
  }
  std::array<Texts, 2> texts_;
};

/// What follows the base in each name a family takes; the first is nothing.
[[nodiscard]] std::span<const std::string_view> claimed_suffixes(FamilyType type);

/// Every name a family takes in either format: no other family may use one of them. OpenMetrics
/// reserves `_created` although we write none.
[[nodiscard]] std::vector<std::string> claimed_names(std::string_view base, FamilyType type);

/// `name` without the `_total`s at its end.
[[nodiscard]] std::string without_total(std::string name);

/// Appends the value as both formats spell it, and ends the line.
void append_value_line(std::string& out, const base::Number& value);

/// `{labels} ` or `{labels,extra} `, or a space when there is neither.
[[nodiscard]] std::string enclose(std::string_view labels, std::string_view extra = {});

/// The value of `quantile` and `le`: shortest, with `.0` where nothing else says that it is a
/// float.
[[nodiscard]] std::string boundary_text(double boundary);

}  // namespace heapwatch::exporters::prometheus
