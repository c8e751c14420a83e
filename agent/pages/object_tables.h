// Python's objects by type, as tables.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "check/python/python_loader.h"

namespace heapwatch::agent::pages {

/// A table of the `most` largest types with the sum of all; of what is left, a line.
[[nodiscard]] std::string render_objects(const std::vector<check::python::ObjectCount>& counts,
                                         std::size_t most);
/// The same of the types of which there is now more or less than before, greatest difference first.
[[nodiscard]] std::string render_object_changes(
    const std::vector<check::python::ObjectCount>& before,
    const std::vector<check::python::ObjectCount>& now, std::size_t most);

}  // namespace heapwatch::agent::pages
