// Who may reach the agent's pages: web.config_file, as the servers take it.
#pragma once

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "net/server_access.h"

namespace heapwatch::agent::access {

/// Reads the file and the certificates that it names. Errors: those of both.
[[nodiscard]] base::Result<net::ServerAccess::Rules> load_access(const std::filesystem::path& file);

}  // namespace heapwatch::agent::access
