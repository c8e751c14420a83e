// One decoded profile from which many reports are made.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/make_report.h"

namespace heapwatch::pprof {

/// Holds a profile for as long as a shell or pages need it; it is decoded once.
///
/// Threads: reports may be made at the same time.
class Session {
 public:
  explicit Session(Profile profile) : profile_(std::move(profile)) {}

  [[nodiscard]] const Profile& profile() const { return profile_; }

  /// Gives the profile away.
  [[nodiscard]] Profile take() && { return std::move(profile_); }

  /// As make_report(), and the profile stays as it is.
  [[nodiscard]] base::Result<std::string> report(const ReportRequest& request,
                                                 const ReportSeams& seams) const;
  [[nodiscard]] base::Result<Table> table(const ReportRequest& request,
                                          const ReportSeams& seams) const;

 private:
  Profile profile_;
};

}  // namespace heapwatch::pprof
