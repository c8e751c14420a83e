#include "pprof/session.h"

namespace heapwatch::pprof {

base::Result<std::string> Session::report(const ReportRequest& request,
                                          const ReportSeams& seams) const {
  return make_report(profile_, request, seams);
}

base::Result<Table> Session::table(const ReportRequest& request, const ReportSeams& seams) const {
  return make_table(profile_, request, seams);
}

}  // namespace heapwatch::pprof
