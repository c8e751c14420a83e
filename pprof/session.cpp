#include "pprof/session.h"

namespace heapwatch::pprof {

base::Result<std::string> Session::report(const ReportRequest& request,
                                          const ReportSeams& seams) const {
  return make_report(profile_, request, seams);
}

base::Result<Table> Session::table(const ReportRequest& request, const ReportSeams& seams) const {
  return make_table(profile_, request, seams);
}

base::Result<PreparedProfile> Session::prepare(const ReportOptions& options,
                                               const Warn& warn) const {
  return prepare_profile(profile_, options, warn);
}

}  // namespace heapwatch::pprof
