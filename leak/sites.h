// Where in the program memory grows: which stack, and which call in it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "leak/judge.h"
#include "leak/looks.h"

namespace heapwatch::leak {

/// The stack of a space that the growth is from: of those that grow to the end, the one that grew
/// most. One whose growth has ended, such as a full cache, comes after all that still grow. Null:
/// none is known, or all are ignored.
[[nodiscard]] const SiteGrowth* best_site(const Watch& watch, std::string_view space,
                                          const JudgeOptions& options);

/// Whether one of its calls is not to be called a leak.
[[nodiscard]] bool is_ignored_site(const SiteGrowth& site, const JudgeOptions& options);

/// The innermost call of the application's own code: not of an allocator, a runtime or a library of
/// the system. `space`: of the finding; of Python's memory it is a line of Python.
[[nodiscard]] std::size_t application_call(const std::vector<Frame>& stack, std::string_view space);

/// Nothing for null.
void set_site(Finding& finding, const SiteGrowth* site);

}  // namespace heapwatch::leak
