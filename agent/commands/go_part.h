// Go's own heap of a program whose native memory is watched: its profile, which the program serves,
// beside what is on the books.
#pragma once

#include <string>

#include "base/error.h"
#include "net/http.h"
#include "pprof/profile.h"

namespace heapwatch::agent::commands {

/// What asks for the /debug/vars of a Go program; `url`: the address of any of its debug pages.
/// Errors: invalid for what is no such address.
[[nodiscard]] base::Result<net::HttpRequest> go_page(const std::string& url);

/// The profile of the heap that the program serves; `page`: as of go_page().
/// Errors: those of the exchange; invalid for what is no profile.
[[nodiscard]] base::Result<pprof::Profile> fetch_go_heap(const net::HttpRequest& page);

/// Both as one: samples of Go have the label `space` with the value `go`. Errors: those of
/// pprof::merge().
[[nodiscard]] base::Result<pprof::Profile> merged_with_go(pprof::Profile native,
                                                          const pprof::Profile& go);

/// What it holds and by which stacks, lines that begin with "heapwatch: ".
[[nodiscard]] std::string go_summary(const pprof::Profile& go);

}  // namespace heapwatch::agent::commands
