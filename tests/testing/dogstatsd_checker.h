// Whether a DogStatsD line says what it was meant to say; written apart from the code that makes
// the lines.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace heapwatch::tests {

inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == separator) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  return parts;
}

inline bool is_number(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  (void)std::strtod(copy.c_str(), &end);
  return !copy.empty() && end == copy.c_str() + copy.size() &&
         text.find_first_not_of("0123456789+-.e") == text.npos;
}

struct CheckedMetric {
  bool valid = false;
  std::size_t values = 0;
  std::size_t tags = 0;
};

/// Reads `name:value[:value]|type[|#tags]` of a line without its end.
inline CheckedMetric check_metric(std::string_view line) {
  const auto fields = split(line, '|');
  const auto head = split(fields[0], ':');
  if (fields.size() < 2 || fields.size() > 3 || head.size() < 2 || head[0].empty() ||
      head[0].substr(0, 3) == "_sc" || head[0].substr(0, 3) == "_e{" ||
      head[0].find_first_of("@#,\n") != head[0].npos ||
      (fields[1] != "g" && fields[1] != "c" && fields[1] != "h")) {
    return {};
  }
  CheckedMetric read{true, head.size() - 1, 0};
  for (std::size_t i = 1; i < head.size(); ++i) {
    read.valid = read.valid && is_number(head[i]);
  }
  if (fields.size() == 3) {
    read.valid = read.valid && fields[2].size() > 1 && fields[2][0] == '#';
    for (const std::string_view tag : split(fields[2].substr(1), ',')) {
      read.valid = read.valid && !tag.empty();
      ++read.tags;
    }
  }
  return read;
}

/// Whether a line is a service check, or an event whose lengths hold.
inline bool check_service_check(std::string_view line) {
  const auto fields = split(line, '|');
  return fields.size() >= 3 && fields[0] == "_sc" && !fields[1].empty() && fields[2].size() == 1 &&
         fields[2][0] >= '0' && fields[2][0] <= '3';
}

inline bool check_event(std::string_view line) {
  const std::string copy(line);
  char* end = nullptr;
  if (copy.substr(0, 3) != "_e{") {
    return false;
  }
  const std::size_t title = std::strtoul(copy.c_str() + 3, &end, 10);
  if (*end != ',') {
    return false;
  }
  const std::size_t text = std::strtoul(end + 1, &end, 10);
  const std::size_t begin = static_cast<std::size_t>(end - copy.c_str()) + 2;
  if (std::string_view(end).substr(0, 2) != "}:" || title == 0 ||
      begin + title + 1 + text > copy.size()) {
    return false;
  }
  const std::size_t after = begin + title + 1 + text;
  return copy[begin + title] == '|' && (after == copy.size() || copy[after] == '|');
}

}  // namespace heapwatch::tests
