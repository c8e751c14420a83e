// Any texts as the filters of a report: one setting and its value a line.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pprof/make_report.h"
#include "tests/pprof/random_profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::pprof;
  static const Profile profile = random_profile(1);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  ReportRequest request;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? rest.size() : line.size() + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      continue;
    }
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = line.substr(equals + 1);
    if (name == "pattern") {
      request.pattern = value;
    }
    const Option* const option = find_option(name);
    if (option != nullptr) {
      static_cast<void>(set_option(request.options, *option, value));
    }
  }
  const ReportSeams seams = {.warn = [](const std::string&) {}};
  for (const ReportKind kind : {ReportKind::text, ReportKind::peek, ReportKind::traces,
                                ReportKind::dot, ReportKind::tags}) {
    request.kind = kind;
    static_cast<void>(make_report(profile, request, seams));
  }
  return 0;
}
