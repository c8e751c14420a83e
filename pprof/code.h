// Reports that show the instructions of programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/driver/symbolize.h"
#include "pprof/make_report.h"

namespace heapwatch::pprof {

/// A function of a file; addresses are those of the file.
struct CodeOfFunction {
  std::vector<std::string> names{};  // one, or more for one place
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
};

struct InstructionText {
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  std::string text{};
  std::string file{};  // of the line that it was made of; empty: not known
  std::int64_t line = 0;
};

/// Who reads code. All are there, or none.
struct CodeSeams {
  /// The functions of which a name is wanted, by address.
  std::function<base::Result<std::vector<CodeOfFunction>>(
      const MappedFile& file, const std::function<bool(const std::string& name)>& is_wanted)>
      functions{};
  /// Where an address of the process is in the file; nothing: not in this one.
  std::function<std::optional<std::uint64_t>(const MappedFile& file, std::uint64_t address)>
      address_in_file{};
  /// The instructions between two addresses of the file.
  std::function<base::Result<std::vector<InstructionText>>(
      const MappedFile& file, std::uint64_t start, std::uint64_t limit, bool intel_syntax)>
      instructions{};
};

/// What is asked for.
struct DisassemblyRequest {
  std::string pattern{};  // of functions, or an address
  ReportOptions options{};
  bool is_page = false;  // source lines, each with its instructions, in HTML
};

/// The instructions of functions with what they weigh, as -disasm and -weblist show them.
///
/// Ownership: the profile is used up.
/// Errors: invalid and not_found, with pprof's words; those of reading code.
[[nodiscard]] base::Result<std::string> make_disassembly(Profile profile,
                                                         const DisassemblyRequest& request,
                                                         const ReportSeams& seams,
                                                         const CodeSeams& code);

}  // namespace heapwatch::pprof
