// From a profile and options to the text of a report.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/options.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

/// What is asked for.
struct ReportRequest {
  ReportKind kind = ReportKind::text;
  std::string pattern;  // of peek and list
  ReportOptions options;
};

/// What a report needs from outside.
struct ReportSeams {
  Warn warn;
  /// The content of a source file.
  std::function<base::Result<std::string>(const std::string& path)> read_source{};
  std::string working_folder{};
};

/// The whole report. Binary kinds (proto, topproto) come uncompressed.
///
/// Ownership: the profile is used up: filters work on it in place.
/// Errors: invalid, with pprof's words.
[[nodiscard]] base::Result<std::string> make_report(Profile profile, const ReportRequest& request,
                                                    const ReportSeams& seams);

/// The position of the value that `sample_index` names: a number, a type, or "" for the default.
/// Errors: invalid, naming what there is.
[[nodiscard]] base::Result<std::size_t> find_sample_index(const Profile& profile,
                                                          const std::string& sample_index);

}  // namespace heapwatch::pprof
