// Source files by the names in profiles. Private to the reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pprof/report/report.h"

namespace heapwatch::pprof {

/// Lines that are shown before and after those with samples.
inline constexpr std::int64_t lines_around = 5;

/// Finds and reads source files by the names in profiles.
class SourceReader {
 public:
  explicit SourceReader(const Report& report);

  /// Errors: not_found with pprof's words, those of reading.
  [[nodiscard]] base::Result<std::string> read(std::string_view file) const;

 private:
  [[nodiscard]] std::optional<std::string> read_below(std::string folder,
                                                      const std::string& path) const;

  const Report& report_;
  std::string folders_;
};

/// `.` for nothing.
[[nodiscard]] std::string value_or_dot(const Report& report, std::int64_t value);

}  // namespace heapwatch::pprof
