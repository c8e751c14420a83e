// Cutting off the callees of a function. Private to this folder.
#pragma once

#include "pprof/profile.h"
#include "pprof/regex.h"

namespace heapwatch::pprof {

/// Removes the frames below the innermost one whose function matches.
void prune_from(Profile& profile, const Regex& regex);

}  // namespace heapwatch::pprof
