// Live Python objects by type.
#pragma once

#include <vector>

#include "memory/picture.h"
#include "memory/pymalloc/arenas.h"

namespace heapwatch::memory::pymalloc {

/// The blocks of pymalloc, and those of glibc that hold Python objects (of more than 512 bytes), by
/// type, most bytes first. What a list, a dict, a set or an instance has in a block of its own
/// counts as theirs. Blocks of pymalloc that hold no object come under a name in brackets.
struct Objects {
  std::vector<TypeCount> counts;
  bool is_whole = true;  // else types were not found because too much had to be read
};
[[nodiscard]] Objects count_objects(const Look& look, const process::Module& interpreter,
                                    const Arenas& arenas);

}  // namespace heapwatch::memory::pymalloc
