// The live page: what browsers get at /, with all that it is made of. Nothing comes from elsewhere.
#pragma once

#include <vector>

#include "net/routes.h"

namespace heapwatch::agent::web {

/// The page at `/`, which browsers get (others get the list of pages), and what it loads.
[[nodiscard]] std::vector<net::Route> site_routes();

/// Headers of every page and answer here: nothing is loaded from elsewhere, shown in frames of
/// others, or taken for another type.
[[nodiscard]] net::Headers safe_headers();

}  // namespace heapwatch::agent::web
