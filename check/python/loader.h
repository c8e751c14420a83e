// From the name of a check to its class, and from the class to an instance.
#pragma once

#include <string>

#include "base/error.h"
#include "check/python/host.h"
#include "check/python/object.h"

namespace heapwatch::check::python {

/// A check as Python has it. With the GIL held.
struct Constructed {
  Object check;
  std::string version;
};

/// `base_class` is AgentCheck. Errors: see Host::load().
[[nodiscard]] base::Result<Constructed> construct(const CheckSource& source, PyObject* base_class);

}  // namespace heapwatch::check::python
