// What the agent's pages and its metrics tell of the Python interpreter.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "check/python/python_loader.h"
#include "check/registry.h"

namespace heapwatch::agent::pages {

/// `pymem`, `pyLoader` and `pythonInit` as the Datadog Agent has them, and below `python` what
/// checks told the agent. All are there, with zeros, before Python runs.
void write_python(base::JsonWriter& json, const check::python::PythonReport& report);

/// "3.11.2, 20.1 MiB in use", or why there is none.
[[nodiscard]] std::string python_line(const check::python::PythonReport& report);

/// The name of the check that python_memory_check() makes.
inline constexpr const char* python_memory_check_name = "pymem";

/// Submits datadog.agent.pymem.inuse and .alloc at every run.
[[nodiscard]] std::unique_ptr<check::ConfiguredCheck> python_memory_check(
    const check::python::PythonLoader& loader, std::chrono::milliseconds interval);

}  // namespace heapwatch::agent::pages
