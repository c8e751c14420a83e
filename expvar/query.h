// Looking at a page by hand: `heapwatch vars URL [path]`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "expvar/path.h"

namespace heapwatch::expvar {

struct QueryMatch {
  std::string path;  // "rtloader/InuseBytes"; empty for the page itself
  std::string json;  // indented by two spaces, numbers as they came
};

/// What `path` finds in `page`, in document order; a path without segments finds the page. Errors:
/// those of PageWalker::walk(); not_found, which says what step failed and what is near.
[[nodiscard]] base::Result<std::vector<QueryMatch>> query(std::string_view page, const Path& path);

}  // namespace heapwatch::expvar
