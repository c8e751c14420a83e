#include "agent/commands/moment.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "agent/commands/commands.h"
#include "base/query.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t day_ms = std::int64_t{24} * 3600 * second_ms;
constexpr std::int64_t days_max = 3650;
constexpr std::int64_t ms_least = 100'000'000'000;  // of a number that is no length of time

/// Seconds since 1970. Absent when it is no date.
std::optional<std::time_t> date(std::string text) {
  const bool is_utc = text.ends_with('Z');
  if (is_utc) {
    text.pop_back();
  }
  std::replace(text.begin(), text.end(), 'T', ' ');
  for (const char* const form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    parts.tm_isdst = -1;
    const char* const end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') {
      return is_utc ? ::timegm(&parts) : std::mktime(&parts);
    }
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::int64_t> parse_moment(const std::string& text, std::int64_t now) {
  if (text == "now") {
    return now;
  }
  if (const auto number = base::whole_number(text); number && *number >= ms_least) {
    return *number;
  }
  if (const auto seconds = date(text); seconds) {
    return static_cast<std::int64_t>(*seconds) * second_ms;
  }
  if (const auto days = base::whole_number(std::string_view{text}.substr(0, text.find('d')));
      days && text.ends_with('d') && *days >= 0 && *days <= days_max) {
    return now - *days * day_ms;
  }
  const bool is_length = !text.empty() && (text.back() < '0' || text.back() > '9');
  if (const auto ago = parse_duration(text); is_length && ago) {
    return now - static_cast<std::int64_t>(*ago * second_ms);
  }
  return base::fail(base::ErrorKind::invalid,
                    "\"" + text +
                        "\" is no moment: 2h (ago), now, 2026-11-30T14:05 (local time), "
                        "2026-11-30T14:05:00Z, or ms since 1970");
}

std::string moment_text(std::int64_t time) {
  const auto seconds = static_cast<std::time_t>(time / second_ms);
  std::tm parts{};
  std::array<char, 32> text{};
  if (::localtime_r(&seconds, &parts) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts) == 0) {
    return std::to_string(time);
  }
  return text.data();
}

}  // namespace heapwatch::agent::commands
