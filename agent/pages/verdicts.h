// Whether watched processes leak, on the pages: a line each, and as JSON.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "check/memory/board.h"

namespace heapwatch::agent::pages {

using Verdicts = std::vector<check::memory::ProcessVerdict>;

/// Asks the check `memory`. Threads: any.
using AskVerdicts = std::function<Verdicts()>;

/// "  12 shop: leak in native memory: ... (for 5 min)", a line each; empty for none.
[[nodiscard]] std::string verdict_lines(const Verdicts& verdicts);

/// A list: `pid`, `name`, `target`, `verdict`, `space`, `confidence`, `sentence`, `for_s`, `leaks`
/// (`space`, `rate_bytes_per_s` with `value`, `low` and `high`, `site` with `function`, `file` and
/// `line`) and `next`, in the words of heapwatch.leak/1.
[[nodiscard]] std::string verdicts_json(const Verdicts& verdicts);

}  // namespace heapwatch::agent::pages
