// The garbage of Python, for who measures what runs of checks keep.
#pragma once

namespace heapwatch::check::python {

/// Has Python collect its garbage, unless a check has disabled the collector. Nothing while no
/// Python runs. Threads: any; waits for the GIL.
void collect_garbage();

/// What does it, in the module.
using CollectGarbage = void (*)();
inline constexpr const char* collect_garbage_symbol = "heapwatch_collect_garbage";

}  // namespace heapwatch::check::python
