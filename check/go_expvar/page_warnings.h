// What there is to say of a page: the sentences of a run's warnings, and what of it was dropped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "check/check.h"
#include "check/go_expvar/page_plan.h"
#include "check/go_expvar/variable.h"
#include "expvar/page_walker.h"

namespace heapwatch::check::go_expvar {

/// Of members that were left out: what JSON does not know, and keys that are too long.
void warn_of_members(const expvar::PageMatches& matches, std::string_view page, RunReport& report);

/// What the defaults miss, in one sentence; empty when they miss nothing.
[[nodiscard]] std::string missing_defaults(const PagePlan& plan,
                                           const expvar::PageMatches& matches);

/// A place of a page that an entry of the plan takes.
struct TakenPlace {
  std::size_t entry;
  const expvar::KeyPath& path;
};
/// Two places become one series: `before` counts, `now` does not.
[[nodiscard]] std::string collision_text(const PagePlan& plan, const Variable& before,
                                         const TakenPlace& now, const std::string& name);

/// A value at `path` that is no number; of a page with `invalid` members it may be one of those.
[[nodiscard]] std::string no_number_text(const std::string& path, expvar::JsonKind kind,
                                         bool invalid);

}  // namespace heapwatch::check::go_expvar
