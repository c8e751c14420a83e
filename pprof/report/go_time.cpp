#include "pprof/report/go_time.h"

#include <array>
#include <ctime>
#include <string_view>

namespace heapwatch::pprof {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

/// `.25` for 250 of 1000, without the zeros at the end; empty for none.
std::string fraction(std::uint64_t part, std::uint64_t whole) {
  if (part == 0) {
    return "";
  }
  std::string digits = std::to_string(part + whole).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  return "." + digits;
}

}  // namespace

std::string local_time(std::int64_t nanos_since_epoch, const char* format) {
  std::int64_t seconds = nanos_since_epoch / second_ns;
  if (nanos_since_epoch % second_ns < 0) {
    --seconds;
  }
  const std::time_t time = seconds;
  std::tm parts{};
  localtime_r(&time, &parts);
  std::array<char, 128> text;
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

std::string go_time(std::int64_t nanos_since_epoch) {
  std::int64_t part = nanos_since_epoch % second_ns;
  if (part < 0) {
    part += second_ns;
  }
  return local_time(nanos_since_epoch, "%Y-%m-%d %H:%M:%S") +
         fraction(static_cast<std::uint64_t>(part), second_ns) +
         local_time(nanos_since_epoch, " %z %Z");
}

std::string go_duration(std::int64_t nanos) {
  if (nanos == 0) {
    return "0s";
  }
  const std::string sign = nanos < 0 ? "-" : "";
  const std::uint64_t size =
      nanos < 0 ? 0U - static_cast<std::uint64_t>(nanos) : static_cast<std::uint64_t>(nanos);
  struct Unit {
    std::uint64_t ns;
    std::string_view name;
  };
  constexpr std::array<Unit, 3> below_a_second = {{{1, "ns"}, {1000, "µs"}, {1000000, "ms"}}};
  if (size < static_cast<std::uint64_t>(second_ns)) {
    std::size_t at = 2;
    while (size < below_a_second[at].ns) {
      --at;
    }
    const auto& [ns, name] = below_a_second[at];
    return sign + std::to_string(size / ns) + fraction(size % ns, ns) + std::string(name);
  }
  const std::uint64_t seconds = size / second_ns;
  std::string text = std::to_string(seconds % 60) + fraction(size % second_ns, second_ns) + "s";
  if (seconds >= 60) {
    text = std::to_string(seconds / 60 % 60) + "m" + text;
  }
  if (seconds >= 3600) {
    text = std::to_string(seconds / 3600) + "h" + text;
  }
  return sign + text;
}

}  // namespace heapwatch::pprof
