// The memory profiler, which is written in Python, as the host uses it.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "check/python/host.h"
#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// Has the runs of a check profiled, when its configuration, the agent's or the command line asks
/// for that. Errors: invalid when the profiler cannot be loaded. With the GIL held, as all here.
[[nodiscard]] base::Result<void> attach_profiler(PyObject* check);

/// See Host.
[[nodiscard]] base::Result<MemoryReports> finish_profile(const std::string& id);
[[nodiscard]] base::Result<std::vector<ObjectCount>> count_objects(bool collect);

}  // namespace heapwatch::check::python::memory
