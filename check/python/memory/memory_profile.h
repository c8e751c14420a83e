// What is held of a traced run as a profile that pprof reads.
#pragma once

#include <set>
#include <string>

#include "check/python/memory/allocation_tracer.h"

namespace heapwatch::check::python::memory {

/// profile.proto: `inuse_objects` and `inuse_space` by stack, with the labels `check`,
/// `domain` (MemoryDomains::name()), `import` (the module, when there is one) and `run`, which
/// what was allocated between runs does not have. Of the stacks in `kept` alone. Threads: with the
/// GIL held.
[[nodiscard]] std::string memory_profile(const AllocationTracer& tracer,
                                         const std::set<CallStacks::Id>& kept,
                                         const std::string& check_id);

}  // namespace heapwatch::check::python::memory
