// Narrowing a profile down to the samples, frames and labels somebody asked for.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/options.h"
#include "pprof/profile.h"
#include "pprof/regex.h"

namespace heapwatch::pprof {

/// Receives what a person should know though the report goes on.
using Warn = std::function<void(const std::string&)>;

/// The unit of each numeric label's key: the first one met, or what the key suggests. Other units
/// of the same key are told to `warn`.
using LabelUnits = std::map<StringId, std::string>;
[[nodiscard]] LabelUnits label_units(const Profile& profile, const Warn& warn);

/// Applies all filters of the options in pprof's order.
/// Errors: invalid for an expression that does not compile.
[[nodiscard]] base::Result<void> apply_filters(Profile& profile, const ReportOptions& options,
                                               const LabelUnits& units, const Warn& warn);

/// Adds frames made of label values at the root and at the leaf of each stack.
void add_label_frames(Profile& profile, const ReportOptions& options, const Warn& warn);

/// Cuts off what the profile itself calls uninteresting: drop_frames and keep_frames.
void drop_uninteresting(Profile& profile);

/// Blanks what the granularity does not tell apart.
void aggregate(Profile& profile, const ReportOptions& options);

/// A function's name without leading dot and arguments.
[[nodiscard]] std::string_view simplified_name(std::string_view name);

}  // namespace heapwatch::pprof
