// Function names without the parts that every reader can do without.
#pragma once

#include <string>
#include <string_view>

namespace heapwatch::pprof {

/// Go's path before the package and its version, Java's packages, C++'s namespaces go.
[[nodiscard]] std::string shortened_name(std::string_view name);

}  // namespace heapwatch::pprof
