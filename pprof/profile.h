// A profile in flat arrays: what every format is read into and every report is made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pprof/samples.h"
#include "pprof/string_table.h"

namespace heapwatch::pprof {

struct ValueType {
  StringId type = 0;
  StringId unit = 0;
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

/// A range of a process' memory into which a file is mapped.
struct Mapping {
  std::uint64_t id = 0;
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;
  StringId file = 0;
  StringId build_id = 0;
  bool has_functions = false;
  bool has_filenames = false;
  bool has_line_numbers = false;
  bool has_inline_frames = false;
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct Function {
  std::uint64_t id = 0;
  StringId name = 0;
  StringId system_name = 0;
  StringId file = 0;
  std::int64_t start_line = 0;
  friend bool operator==(const Function&, const Function&) = default;
};

struct Line {
  std::uint32_t function = no_index;
  std::int64_t line = 0;
  std::int64_t column = 0;
  friend bool operator==(const Line&, const Line&) = default;
};

/// A place in the program. Its lines are Profile::lines[first_line, first_line + line_count): the
/// innermost inlined function first, the function that really stands at the address last.
struct Location {
  std::uint64_t id = 0;
  std::uint64_t address = 0;
  std::uint32_t mapping = no_index;
  std::uint32_t first_line = 0;
  std::uint32_t line_count = 0;
  bool is_folded = false;
  friend bool operator==(const Location&, const Location&) = default;
};

/// Ids are what the file calls its mappings, functions and locations; here they refer to one
/// another, and samples to locations, by position.
///
/// Invariants: every position is inside its array or, for Location::mapping alone, no_index; ids
/// are not 0 and unique in their array; samples have one value for each sample type.
struct Profile {
  StringTable strings;
  std::vector<ValueType> sample_types;
  Samples samples;
  std::vector<Mapping> mappings;  // the first is the program itself
  std::vector<Location> locations;
  std::vector<Line> lines;
  std::vector<Function> functions;
  StringId drop_frames = 0;  // a regular expression of functions that are cut off
  StringId keep_frames = 0;  // one of functions that are not, though drop_frames says so
  std::int64_t time_nanos = 0;
  std::int64_t duration_nanos = 0;
  ValueType period_type;
  std::int64_t period = 0;
  std::vector<StringId> comments;
  StringId default_sample_type = 0;
  StringId doc_url = 0;

  [[nodiscard]] std::string_view text(StringId id) const { return strings[id]; }
  [[nodiscard]] std::span<const Line> lines_of(const Location& location) const {
    return {lines.data() + location.first_line, location.line_count};
  }
  [[nodiscard]] std::span<Line> lines_of(const Location& location) {
    return {lines.data() + location.first_line, location.line_count};
  }
};

/// Addition of values as two's complement wraps it, since a profile may hold any.
[[nodiscard]] constexpr std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
[[nodiscard]] constexpr std::int64_t wrapping_negate(std::int64_t a) {
  return static_cast<std::int64_t>(0U - static_cast<std::uint64_t>(a));
}
[[nodiscard]] constexpr std::int64_t wrapping_abs(std::int64_t a) {
  return a < 0 ? wrapping_negate(a) : a;
}
[[nodiscard]] constexpr std::int64_t wrapping_multiply(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace heapwatch::pprof
