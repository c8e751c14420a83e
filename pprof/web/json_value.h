// JSON as a tree, for the small file of settings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace heapwatch::pprof::web {

/// A value that keeps what it does not understand: numbers as they were written, members in their
/// order.
struct JsonValue {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  std::string text{};  // of a string, unescaped; of numbers and booleans, as written
  std::vector<JsonValue> elements{};
  std::vector<std::pair<std::string, JsonValue>> members{};

  /// Null when there is none of that name.
  [[nodiscard]] const JsonValue* member(std::string_view name) const;
};

/// Errors: invalid, with the place in bytes; limit for more than 64 levels.
[[nodiscard]] base::Result<JsonValue> parse_json(std::string_view text);

/// Indented by two spaces for each level.
[[nodiscard]] std::string write_json(const JsonValue& value);

}  // namespace heapwatch::pprof::web
