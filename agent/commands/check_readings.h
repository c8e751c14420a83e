// What runs of checks came to and what they hold, for the history.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/pages/check_verdicts.h"
#include "agent/web/run_feed.h"
#include "agent/web/verdicts.h"
#include "check/schedule/scheduler.h"

namespace heapwatch::agent::commands {

/// Python's memory is that of the check "python", whose runs are those of all Python checks.
[[nodiscard]] std::vector<web::CheckReading> check_readings(
    const std::map<std::string, check::schedule::CheckTotals>& totals,
    const std::vector<pages::CheckMemory>& memory);

[[nodiscard]] std::vector<web::CheckVerdict> check_verdicts(
    const std::vector<pages::CheckVerdict>& verdicts);

}  // namespace heapwatch::agent::commands
