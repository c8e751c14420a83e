// What the linker of Go has written into a module of how it was built.
#pragma once

#include <optional>
#include <string>

#include "memory/process/modules.h"

namespace heapwatch::memory::golang {

/// Of the record that is in each Go program; stripping leaves it.
struct BuildInfo {
  std::string version;             // "go1.19.8"; empty: it cannot be read
  bool has_race_detector = false;  // by `go build -race`; recorded since Go 1.18
};

/// Nothing when the module was not built by Go.
[[nodiscard]] std::optional<BuildInfo> build_info(const process::ProcessView& view,
                                                  const process::Module& module);

}  // namespace heapwatch::memory::golang
