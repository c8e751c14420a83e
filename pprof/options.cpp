#include "pprof/options.h"

namespace heapwatch::pprof {
namespace {

constexpr std::int64_t nodes_of_a_graph = 80;

}  // namespace

ReportOptions effective_options(ReportKind kind, ReportOptions options) {
  const bool has_all_nodes = kind == ReportKind::text || kind == ReportKind::topproto;
  if (options.nodecount == -1) options.nodecount = has_all_nodes ? 0 : nodes_of_a_graph;
  bool trim = options.trim;
  switch (kind) {
    case ReportKind::peek:
      trim = false;
      break;
    case ReportKind::list:
      trim = false;
      options.granularity = Granularity::lines;
      break;
    case ReportKind::raw:
    case ReportKind::proto:
    case ReportKind::callgrind:
      trim = false;
      options.granularity = Granularity::addresses;
      break;
    default:
      break;
  }
  if (!trim) {
    options.nodecount = 0;
    options.nodefraction = 0;
    options.edgefraction = 0;
  }
  return options;
}

}  // namespace heapwatch::pprof
