#include "agent/commands/check_readings.h"

#include "agent/pages/python_vars.h"
#include "leak/judge.h"

namespace heapwatch::agent::commands {

std::vector<web::CheckReading> check_readings(
    const std::map<std::string, check::schedule::CheckTotals>& totals,
    const std::vector<pages::CheckMemory>& memory) {
  std::vector<web::CheckReading> readings;
  readings.reserve(totals.size() + 1);
  for (const auto& [check, total] : totals) {
    if (check == pages::python_memory_check_name) {
      continue;  // our own, of the interpreter
    }
    web::CheckReading reading{.check = check,
                              .runs = total.runs,
                              .errors = total.errors,
                              .warnings = total.warnings,
                              .skipped = total.skipped + total.sat_out,
                              .run_time = total.run_time,
                              .native = {},
                              .python = {}};
    for (const pages::CheckMemory& held : memory) {
      if (held.check == check && held.space == "native") {
        reading.native = held.bytes;
      }
    }
    readings.push_back(std::move(reading));
  }
  for (const pages::CheckMemory& held : memory) {
    if (held.space == "python") {
      readings.push_back(
          {.check = held.check, .runs = held.runs, .native = {}, .python = held.bytes});
    }
  }
  return readings;
}

std::vector<web::CheckVerdict> check_verdicts(const std::vector<pages::CheckVerdict>& verdicts) {
  std::vector<web::CheckVerdict> all;
  all.reserve(verdicts.size());
  for (const pages::CheckVerdict& verdict : verdicts) {
    all.push_back({.check = verdict.check,
                   .space = verdict.space,
                   .verdict = std::string(leak::name_of(verdict.verdict)),
                   .kept_per_run = verdict.kept_per_run,
                   .sentence = verdict.sentence});
  }
  return all;
}

}  // namespace heapwatch::agent::commands
