// Where in the program memory grows: which stack, and which call in it.
#pragma once

#include <cstddef>
#include <string>
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
/// the system. `space`: of the finding; of Python's memory it is a line of Python. `helpers`: so
/// many of the application's calls are passed by, as long as there is one further out.
[[nodiscard]] std::size_t application_call(const std::vector<Frame>& stack, std::string_view space,
                                           std::size_t helpers = 0);

/// What was allocated through one stack, whether it grew or not.
struct StackUse {
  std::string space;
  std::vector<Frame> stack;
  double used = 0;  // bytes that were ever allocated
  double held = 0;  // of them, at the end
};
/// Finds of each site the calls that allocate for others: functions of the application whose memory
/// other callers give back, so that it is not they who keep it.
void find_helpers(std::vector<SiteGrowth>& sites, const std::vector<StackUse>& uses);

/// Below that part of what was held earlier, a stack gives up its old for its new: as a full cache
/// does, or sessions, and not a leak.
inline constexpr double survival_of_leaks_min = 0.5;
/// Of a stack that is known to keep less.
[[nodiscard]] bool gives_up_its_old(const SiteGrowth& site);

/// Nothing for null.
void set_site(Finding& finding, const SiteGrowth* site);

}  // namespace heapwatch::leak
