// What heapwatch itself has in a program that it watches.
#pragma once

#include "memory/picture.h"

namespace heapwatch::memory::own {

/// The books and the shadow of memtrack in a program under `heapwatch exec`. Nothing elsewhere.
[[nodiscard]] Found find(const Look& look);

}  // namespace heapwatch::memory::own
