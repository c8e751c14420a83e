// The parts of the file of the history, and how an older file becomes one of today.
#pragma once

#include "base/error.h"
#include "history/database.h"

namespace heapwatch::history {

/// What this program writes.
[[nodiscard]] int schema_version();

/// Brings the file to schema_version(), step by step, all or nothing; a new file too. Errors:
/// invalid when it is of a newer version, or a database of something else.
[[nodiscard]] base::Result<void> migrate(Database& database);

/// For readers. Errors: invalid when it is of another version, or of something else.
[[nodiscard]] base::Result<void> check_version(Database& database);

}  // namespace heapwatch::history
