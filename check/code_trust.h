// Whose code runs as part of the agent.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/ownership.h"

namespace heapwatch::check {

enum class CodeTrust : bool {
  ours,     // that of root and of the agent's user
  anyones,  // allow_untrusted_code
};

/// base::open_owned() for a file or folder of code, with an error that says what that means.
[[nodiscard]] base::Result<base::OwnedFile> open_code(const std::filesystem::path& path);

}  // namespace heapwatch::check
