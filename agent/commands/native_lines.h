// `heapwatch check <name> -m`: what C code below a check took from malloc and holds, by the lines
// of Python above it.
#pragma once

#include <optional>
#include <string>

#include "memory/native/native_heap.h"

namespace heapwatch::agent::commands {

struct NativeLinesOptions {
  std::size_t limit = 30;        // lines that are shown
  std::string unit = "dynamic";  // as -m-unit
};

/// What the books said while the runs of one instance went on.
struct NativeLooks {
  std::optional<memory::native::NativeHeap> before;  // the first run
  std::optional<memory::native::NativeHeap> first;   // after it
  std::optional<memory::native::NativeHeap> last;
  int runs = 0;
};

/// The books as they are now; nothing when there are none.
[[nodiscard]] std::optional<memory::native::NativeHeap> look_at_native_books();

/// The lines of one instance, as a paragraph of the report; empty when C code holds nothing that it
/// did not hold before the first run. What
/// CPython has from malloc is not C code's, nor what heapwatch itself allocates for a check.
[[nodiscard]] std::string native_lines(const NativeLooks& looks, const std::string& check_id,
                                       const NativeLinesOptions& options);

}  // namespace heapwatch::agent::commands
