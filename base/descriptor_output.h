// Bytes to a descriptor.
#pragma once

#include <string_view>

namespace heapwatch::base {

/// Waits for the reader as long as it takes. False when the descriptor takes no bytes any more.
bool write_all(int descriptor, std::string_view bytes);

/// Writes what goes without waiting; false when that is not all.
bool write_without_waiting(int descriptor, std::string_view bytes);

}  // namespace heapwatch::base
