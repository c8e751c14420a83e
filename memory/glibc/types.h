// C++ objects among the blocks of glibc, by class.
#pragma once

#include <vector>

#include "memory/glibc/heaps.h"

namespace heapwatch::memory::glibc {

/// Live blocks that begin with an object of a class with virtual functions, by the class's name,
/// most bytes first. A block made by std::make_shared goes under the name of its counted holder.
/// What was compiled without run-time type information is not seen.
[[nodiscard]] std::vector<TypeCount> count_types(const process::ProcessView& view,
                                                 const Heaps& heaps);

}  // namespace heapwatch::memory::glibc
