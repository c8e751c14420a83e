// What requests of the API hold: which process, which time, which profile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "history/archive.h"
#include "net/server_message.h"

namespace heapwatch::agent::web {

/// A whole number of the query, `absent` when it is not there. Errors: invalid, with its name.
[[nodiscard]] base::Result<std::int64_t> number_of(const net::ServerRequest& request,
                                                   std::string_view key, std::int64_t absent,
                                                   std::int64_t least, std::int64_t most);

/// What is shown where no time is asked for: the last hour.
inline constexpr std::int64_t usual_span_ms = 3'600'000;

/// Of HTTP, for an error.
[[nodiscard]] int status_of(base::ErrorKind kind);

/// How many sites are told of where nobody says how many.
inline constexpr std::int64_t sites_usual = 25;

inline constexpr std::string_view suspects_route = "/api/v1/suspects/";
inline constexpr std::string_view watch_route = "/api/v1/watch/";
inline constexpr std::size_t watch_bytes_max = 1024;

/// The pid that a path ends with. Errors: invalid.
[[nodiscard]] base::Result<std::int64_t> pid_of(const net::ServerRequest& request,
                                                std::string_view route);

/// The life that a path ends with (`/api/v1/memory/4711`, a pid), or that `life=` names. Of a pid
/// the newest life. Errors: not_found; invalid.
[[nodiscard]] base::Result<history::Life> life_of(history::Archive& archive,
                                                  const net::ServerRequest& request,
                                                  std::string_view route);

}  // namespace heapwatch::agent::web
