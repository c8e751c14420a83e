// The version of Go that built a module.
#pragma once

#include <optional>
#include <string>

#include "memory/process/modules.h"

namespace heapwatch::memory::golang {

/// "go1.19.8", of the record that the linker puts into each Go program; stripping leaves it.
/// Nothing when the module was not built by Go. Empty when it was, and the version cannot be read.
[[nodiscard]] std::optional<std::string> build_version(const process::ProcessView& view,
                                                       const process::Module& module);

}  // namespace heapwatch::memory::golang
