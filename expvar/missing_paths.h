// Why a path found nothing: which step failed, and what is there instead.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expvar/page_walker.h"
#include "expvar/path.h"

namespace heapwatch::expvar {

/// One sentence for each of `paths`, none of which has a match in `page`:
/// `no results matching path rtloader/Inuse: "rtloader" has no key matching "Inuse"; did you mean
/// "InuseBytes"?`
[[nodiscard]] std::vector<std::string> explain_missing(std::string_view page,
                                                       std::span<const Path* const> paths,
                                                       PageWalker& walker);

}  // namespace heapwatch::expvar
