// Several profiles as one, and the difference of two.
#pragma once

#include <vector>

#include "base/error.h"
#include "pprof/filter.h"
#include "pprof/profile.h"

namespace heapwatch::pprof {

/// Brings profiles to the same sample types and units, in place: types that not all have are
/// dropped, and told to `warn`; values are converted to the finest unit. Types that mean the same
/// (Go's inuse_space, the space of C and C++) are one, under the name that the first profile has.
/// Errors: invalid when nothing is common or units of one type do not fit.
[[nodiscard]] base::Result<void> make_compatible(std::vector<Profile>& profiles,
                                                 const Warn& warn = {});

/// Adds up samples with equal stacks and labels. Locations, functions and mappings that mean the
/// same become one, and what is not used goes. The profiles have to be compatible.
///
/// Ownership: the profiles are used up, the first in place, the others given back while they are
/// read, so that little more than the result is held.
[[nodiscard]] base::Result<Profile> merge(std::vector<Profile> profiles);

/// Multiplies the values, rounded, and drops samples that are then zero.
void scale_values(Profile& profile, const std::vector<double>& ratios);

struct Subtraction {
  bool is_diff_base = false;  // samples of the base stay apart, with the label pprof::base
  bool normalize = false;     // the source is first scaled to the base's totals
};

/// What is in `source` and not in `base`.
[[nodiscard]] base::Result<Profile> subtract(Profile source, Profile base,
                                             const Subtraction& options, const Warn& warn = {});

}  // namespace heapwatch::pprof
