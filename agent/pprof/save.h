// `heapwatch pprof save`: fetches profiles and keeps them as files, as they came.
#pragma once

#include <iosfwd>
#include <span>
#include <string>

#include "agent/pprof/fetch.h"
#include "base/error.h"

namespace heapwatch::agent {

/// Runs `save args...`. Returns the exit code; what goes wrong as a whole is an error.
[[nodiscard]] base::Result<int> run_save(std::span<const std::string> args,
                                         const pprof::Seams& seams, const FetchOptions& options,
                                         std::ostream& out, std::ostream& err);

/// Keeps an execution trace, which is no profile, and tells so.
[[nodiscard]] base::Result<std::string> save_trace(std::string_view bytes,
                                                   const pprof::Seams& seams);

/// `Saved profile in PATH`, or what else it is that was saved.
[[nodiscard]] std::string saved_sentence(const std::string& path, std::string_view bytes);

/// Keeps what came from a URL as it is, in a new file of the folder for such. Returns its path.
[[nodiscard]] base::Result<std::string> save_fetched(const std::string& url,
                                                     const TransportFlags& flags,
                                                     std::string_view bytes,
                                                     const pprof::Seams& seams);

/// Reads flags by Go's rules, also behind what is none, and returns the latter.
/// Errors: invalid, naming the flag.
[[nodiscard]] base::Result<std::vector<std::string>> read_flags(
    std::span<const std::string> args, std::span<const pprof::ExtraFlag> flags);

}  // namespace heapwatch::agent
