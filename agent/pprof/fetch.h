// Fetches profiles from running programs, several at the same time.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "agent/pprof/source.h"

namespace heapwatch::agent {

struct FetchOptions {
  bool is_terminal = false;  // `err` is one, on which progress shows
  bool is_quiet = false;     // says nothing but progress
};

/// The bodies of the answers, in the order asked for. What is fetched is told on `err`.
/// Errors: those of the network; refused with what the other side says to anything but a 200.
[[nodiscard]] std::vector<base::Result<std::string>> fetch_profiles(
    std::span<const pprof::FetchRequest> asked, const TransportFlags& flags,
    const FetchOptions& options, std::ostream& err);

/// The same for sources that are taken apart already.
[[nodiscard]] std::vector<base::Result<std::string>> fetch_sources(std::vector<Source> sources,
                                                                   const FetchOptions& options,
                                                                   std::ostream& err);

/// True for what Go's `trace` page serves, which is no profile.
[[nodiscard]] bool is_execution_trace(std::string_view bytes);

}  // namespace heapwatch::agent
