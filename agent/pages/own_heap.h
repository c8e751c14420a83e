// The heap profile of the agent itself, at /debug/pprof/heap.
#pragma once

#include "base/error.h"
#include "check/python/python_loader.h"
#include "memory/native/native_heap.h"
#include "net/routes.h"

namespace heapwatch::agent::pages {

/// What native code allocated for checks and, with `profiler: sampled`, what Python handed out.
/// `?gc=1` collects Python's garbage first.
[[nodiscard]] base::Result<memory::native::NativeHeap> own_heap(
    const check::python::PythonLoader& python, const net::ServerRequest& request);

}  // namespace heapwatch::agent::pages
