#include "config/duration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace heapwatch::config {

namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::int64_t day_ms = std::int64_t{24} * 3'600'000;
/// From the longest to the shortest.
constexpr std::array<Unit, 7> units{{{"y", 365 * day_ms},
                                     {"w", 7 * day_ms},
                                     {"d", day_ms},
                                     {"h", 3'600'000},
                                     {"m", 60'000},
                                     {"s", 1'000},
                                     {"ms", 1}}};
constexpr std::int64_t longest_ms = std::int64_t{100} * 365 * day_ms;  // no sum of these overflows

std::string text_of(milliseconds time) {
  for (const Unit& unit : units) {
    if (time.count() != 0 && time.count() % unit.ms == 0) {
      return std::to_string(time.count() / unit.ms) + std::string(unit.name);
    }
  }
  return "0";
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  if (const auto seconds = base::parse_number(text)) {
    const double ms = seconds->to_double() * 1'000;
    return ms >= 0 && ms <= static_cast<double>(longest_ms)
               ? std::optional(milliseconds(std::llround(ms)))
               : std::nullopt;
  }
  std::int64_t sum = 0;
  std::size_t unit = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = base::parse_number(text.substr(0, digits));
    text.remove_prefix(digits);
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    while (unit < units.size() && units.at(unit).name != name) {
      ++unit;
    }
    const std::int64_t whole = number ? number->to_int64().value_or(-1) : -1;
    if (unit == units.size() || whole < 0 || whole > longest_ms / units.at(unit).ms) {
      return std::nullopt;
    }
    sum += whole * units.at(unit).ms;
    ++unit;
    text.remove_prefix(name.size());
  }
  return unit == 0 ? std::nullopt : std::optional(milliseconds(sum));
}

std::optional<milliseconds> read_duration(Section& section, std::string_view key,
                                          DurationRange range) {
  const Value* const value = section.raw(key);
  if (value == nullptr || value->kind == Value::Kind::null) {
    return std::nullopt;
  }
  const auto time = value->kind == Value::Kind::scalar ? parse_duration(value->text) : std::nullopt;
  if (time && *time >= range.min && *time <= range.max) {
    return time;
  }
  section.error(key, section.name_of(key) + " must be a duration from " + text_of(range.min) +
                         " to " + text_of(range.max) + ", such as 30s or 1m30s, not " +
                         shown(*value));
  return std::nullopt;
}

}  // namespace heapwatch::config
