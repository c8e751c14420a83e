// Instructions of functions with what they weigh. Private to the reports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pprof/code.h"
#include "pprof/report/report.h"

namespace heapwatch::pprof {

struct WeighedInstruction {
  InstructionText instruction{};
  std::string function{};  // of the samples there
  Weight flat{};
  Weight cum{};
};

/// A function with samples, and its instructions.
struct WeighedCode {
  std::vector<std::string> names{};
  Weight flat{};
  Weight cum{};
  std::vector<WeighedInstruction> instructions{};
};

/// The functions that the report's pattern names and that have samples, by name; the pattern may
/// also be an address in one.
/// Errors: invalid and not_found, with pprof's words; those of reading code.
[[nodiscard]] base::Result<std::vector<WeighedCode>> weighed_code(Report& report,
                                                                  const CodeSeams& code);

[[nodiscard]] ReportText disasm_report(Report& report, const CodeSeams& code);
[[nodiscard]] ReportText weblist_report(Report& report, const CodeSeams& code);
[[nodiscard]] std::string hexadecimal(std::uint64_t number);

}  // namespace heapwatch::pprof
