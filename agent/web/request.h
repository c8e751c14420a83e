// What requests of the API hold: which process, which time, which profile.
#pragma once

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

/// The life that a path ends with (`/api/v1/memory/4711`, a pid), or that `life=` names. Of a pid
/// the newest life. Errors: not_found; invalid.
[[nodiscard]] base::Result<history::Life> life_of(history::Archive& archive,
                                                  const net::ServerRequest& request,
                                                  std::string_view route);

}  // namespace heapwatch::agent::web
