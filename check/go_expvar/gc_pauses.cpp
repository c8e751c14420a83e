#include "check/go_expvar/gc_pauses.h"

#include <algorithm>
#include <array>

#include "expvar/value.h"

namespace heapwatch::check::go_expvar {

namespace {

constexpr std::array<std::uint32_t, 2 * pause_slots> ring_twice = [] {
  std::array<std::uint32_t, 2 * pause_slots> slots{};
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    slots.at(i) = i % pause_slots;
  }
  return slots;
}();

constexpr bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// One number of an array; absent for what is none.
std::optional<base::Number> number_of(std::string_view text) {
  // Most are short and whole.
  constexpr std::size_t digits_max = 18;
  std::uint64_t value = 0;
  bool is_short = !text.empty() && text.size() <= digits_max;
  for (const char c : text) {
    is_short = is_short && c >= '0' && c <= '9';
    value = value * 10 + static_cast<unsigned char>(c - '0');
  }
  if (is_short) {
    return base::Number::of(value);
  }
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
    return expvar::read_json_number(text);
  }
  return base::parse_number(text);
}

bool fell(const std::optional<base::Number>& before, const std::optional<base::Number>& now) {
  return before && now && *now < *before;
}

bool same_process(const GcTotals& before, const GcTotals& now) {
  return now.collections >= before.collections && !fell(before.pause_total, now.pause_total) &&
         !fell(before.total_alloc, now.total_alloc);
}

}  // namespace

bool read_pauses(std::string_view array, PauseRing& ring) {
  if (!array.starts_with('[') || !array.ends_with(']')) {
    return false;
  }
  const char* at = array.data() + 1;
  const char* const end = array.data() + array.size() - 1;
  std::size_t count = 0;
  while (true) {
    while (at < end && is_space(*at)) {
      ++at;
    }
    const char* const begin = at;
    while (at < end && *at != ',' && !is_space(*at)) {
      ++at;
    }
    const auto number = number_of({begin, static_cast<std::size_t>(at - begin)});
    if (!number || count == ring.size()) {
      return false;
    }
    ring.at(count++) = *number;
    while (at < end && is_space(*at)) {
      ++at;
    }
    if (at == end) {
      return count == ring.size();
    }
    if (*at++ != ',') {
      return false;
    }
  }
}

std::span<const std::uint32_t> GcPauses::advance(const GcTotals& now) {
  const std::uint64_t seen = last_ && same_process(*last_, now) ? last_->collections : 0;
  const std::uint64_t fresh = std::min<std::uint64_t>(now.collections - seen, pause_slots);
  last_ = now;
  return std::span(ring_twice).subspan((now.collections - fresh) % pause_slots, fresh);
}

}  // namespace heapwatch::check::go_expvar
