// The readers of memory, and a picture by all of them.
#pragma once

#include <memory>
#include <span>

#include "memory/picture.h"

namespace heapwatch::memory {

/// In the order in which they claim.
[[nodiscard]] std::span<const Reader> readers();

/// Runs every reader over a view. Never fails: a reader that finds nothing claims nothing.
[[nodiscard]] Picture picture_of(std::shared_ptr<const process::ProcessView> view,
                                 const Options& options = {});

}  // namespace heapwatch::memory
