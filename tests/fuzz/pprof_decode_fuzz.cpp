// Any bytes as a profile: decoded, merged with itself, encoded, and decoded again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pprof/encode.h"
#include "pprof/make_report.h"
#include "pprof/merge.h"
#include "pprof/parse.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::pprof;
  const ParseLimits limits{.bytes_max = std::size_t{1} << 22U};
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto profile = parse_profile(input, limits);
  if (!profile) {
    return 0;
  }
  const std::string encoded = encode_proto(*profile);
  const auto again = parse_profile(encoded, limits);
  if (!again || encode_proto(*again) != encoded) {
    std::abort();
  }
  if (!merge({*profile, *profile})) {
    std::abort();
  }
  for (const ReportKind kind : {ReportKind::text, ReportKind::dot, ReportKind::raw}) {
    ReportRequest request;
    request.kind = kind;
    static_cast<void>(make_report(*profile, request, {.warn = [](const std::string&) {}}));
  }
  return 0;
}
