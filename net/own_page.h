// Whether a request that changes something comes from one of our own pages.
#pragma once

#include "net/server_message.h"

namespace heapwatch::net {

/// False for a request that a page of another site has made a browser send: browsers say whose page
/// it was (`Origin`, `Sec-Fetch-Site`), and what says nothing is no browser.
[[nodiscard]] bool is_of_own_page(const ServerRequest& request);

/// Whether the body is said to be JSON, which a form of another site cannot say.
[[nodiscard]] bool is_json(const ServerRequest& request);

}  // namespace heapwatch::net
