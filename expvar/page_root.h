// Pages that are JSON and not what expvar serves.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "expvar/page_walker.h"
#include "expvar/plan.h"

namespace heapwatch::expvar {

/// What is wrong with a page that is no object, when nothing of the plan took or could enter what
/// it is; nothing otherwise. `page` is JSON, `matches` what a walk over it took.
[[nodiscard]] std::optional<std::string> foreign_page(const Plan& plan, std::string_view page,
                                                      const PageMatches& matches);

}  // namespace heapwatch::expvar
