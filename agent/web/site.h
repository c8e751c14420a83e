// The live page: what browsers get at /, with all that it is made of. Nothing comes from elsewhere.
#pragma once

#include <vector>

#include "net/routes.h"

namespace heapwatch::agent::web {

/// What the page loads, below /web/.
[[nodiscard]] std::vector<net::Route> site_routes();

/// Whether a request is that of a browser that shows pages.
[[nodiscard]] bool wants_page(const net::ServerRequest& request);
/// The page itself.
[[nodiscard]] net::ServerReply page_reply();

/// Headers of every page and answer here: nothing is loaded from elsewhere, shown in frames of
/// others, or taken for another type.
[[nodiscard]] net::Headers safe_headers();

}  // namespace heapwatch::agent::web
