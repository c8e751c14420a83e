// The time, and what the check `memory` says of processes, as the API wants them.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/web/verdicts.h"

namespace heapwatch::agent::web {

/// Ms since 1970.
[[nodiscard]] std::int64_t now_ms();

[[nodiscard]] std::vector<Verdict> current_verdicts();

}  // namespace heapwatch::agent::web
